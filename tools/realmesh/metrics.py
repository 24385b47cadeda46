"""The proxies' metrics in Istio's own names and labels, in one text, and how a Prometheus takes them.

Istio's metrics filter is not in a stock Envoy; manifests/metrics.yaml lets Envoy's stats access logger count the same things.
https://istio.io/latest/docs/reference/config/metrics/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from tools.realmesh.kubectl import fetch

SECONDS = 0.8
"""How long one proxy may take to answer: less than a scrape, so that one that hangs does not take the others' numbers along."""

# What a sending proxy knows of the endpoint is one string: workload;namespace;canonical name;canonical revision;cluster
_ENDPOINT = re.compile(r'(?<=reporter="source",)(.*)destination_workload="([^"]*)"')
_ENDPOINT_LABELS = (
    "destination_workload", "destination_workload_namespace", "destination_canonical_service", "destination_version",
)  # fmt: skip
_NOTHING = re.compile(r'(?<!response_flags)="-?"')  # Istio says "unknown"; of response_flags "-" is a value
_FILTER = quote(r"^(istio\.|server\.state$)")


def merged(admin: Mapping[str, str], pods: Mapping[str, tuple[str, str]]) -> str:
    """All proxies' request metrics and envoy_server_state, in Prometheus' text format, each kind of metric in one group.

    `admin` is the address of each workload's Envoy admin, `pods` its namespace and pod, which every series gets as labels.
    A proxy that does not answer has no series.
    """
    with ThreadPoolExecutor(len(admin) or 1) as pool:
        texts = dict(zip(admin, pool.map(_text, admin.values()), strict=True))
    kinds: dict[str, list[str]] = {}
    for name, text in texts.items():
        rows: list[str] = []
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                rows = kinds.setdefault(_named(line), [])
            elif line and not line.startswith("#"):
                rows.append(relabelled(_named(line), *pods[name]))
    return "".join("\n".join([kind, *rows]) + "\n" for kind, rows in kinds.items())


def _text(admin: str) -> str:
    try:
        return fetch(f"{admin}/stats/prometheus?filter={_FILTER}", timeout=SECONDS).decode()
    except OSError:
        return ""


def _named(line: str) -> str:
    return line.replace("envoy_istio_", "istio_", 1)


def relabelled(series: str, namespace: str, pod: str) -> str:
    """One line of the text format with namespace and pod, and with labels as Istio's own metrics have them."""
    name, brace, rest = series.partition("{")
    if not brace:
        name, _, value = series.partition(" ")
        rest = f"}} {value}"
    rest = _NOTHING.sub('="unknown"', _ENDPOINT.sub(_split, rest))
    comma = "" if rest.startswith("}") else ","
    return f'{name}{{namespace="{namespace}",pod="{pod}"{comma}{rest}'


def _split(found: re.Match[str]) -> str:
    """Where a request never got an endpoint, such as one that a fault aborted, the string is empty."""
    values = [*found[2].split(";"), "", "", ""]
    labels = (f'{label}="{value}"' for label, value in zip(_ENDPOINT_LABELS, values, strict=False))
    return found[1] + ",".join(labels)


def scrape_config(mesh: Mapping[str, Any], plane: Mapping[str, Any], seconds: float) -> str:
    """A prometheus.yml that scrapes istiod and the proxies every `seconds`.

    `mesh` and `plane` are what `up` and `dataplane` print.
    """
    jobs = {"istiod": [mesh["istiod_monitoring"] + "/metrics"], "proxies": [plane["merged_metrics"]]}
    return f"scrape_configs:\n{''.join(_job(name, urls, seconds) for name, urls in jobs.items())}"


def _job(name: str, urls: Iterable[str], seconds: float) -> str:
    """honor_labels keeps the labels found there."""
    every = f"{round(seconds * 1000)}ms"
    targets = ", ".join(f"'{url.removeprefix('http://').partition('/')[0]}'" for url in urls)
    return (
        f"- job_name: {name}\n  honor_labels: true\n  scrape_interval: {every}\n  scrape_timeout: {every}\n"
        f"  static_configs:\n  - targets: [{targets}]\n"
    )
