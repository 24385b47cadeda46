"""From addresses to adapters: the one place where real clients are built. Called by tasks and management commands only."""

from __future__ import annotations

from meshportal.clients.ports import ClusterPort, MetricsPort, ProxyPort

# The adapters are imported where they are built: the web process loads tasks to enqueue them, and must not load `kubernetes`.


def cluster(kubeconfig: str) -> ClusterPort:
    """The Kubernetes API that `kubeconfig` (a path) names. Raises ClusterUnavailable if the file is missing or broken."""
    from meshportal.clients.kubernetes import KubernetesCluster

    return KubernetesCluster.from_kubeconfig(kubeconfig)


def metrics(prometheus_url: str) -> MetricsPort:
    """The Prometheus at `prometheus_url`. Nothing is asked yet."""
    from meshportal.clients.prometheus import PrometheusMetrics

    return PrometheusMetrics(prometheus_url)


def proxies(istiod_url: str) -> ProxyPort:
    """The istiod at `istiod_url`. Nothing is asked yet."""
    from meshportal.clients.istiod import IstiodDebug

    return IstiodDebug(istiod_url)
