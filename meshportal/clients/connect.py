"""From addresses to adapters: the one place where real clients are built. Called by tasks and management commands only."""

from __future__ import annotations

from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.clients.ports import ClusterPort, MetricsPort
from meshportal.clients.prometheus import PrometheusMetrics


def cluster(kubeconfig: str) -> ClusterPort:
    """The Kubernetes API that `kubeconfig` (a path) names. Raises ClusterUnavailable if the file is missing or broken."""
    return KubernetesCluster.from_kubeconfig(kubeconfig)


def metrics(prometheus_url: str) -> MetricsPort:
    return PrometheusMetrics(prometheus_url)
