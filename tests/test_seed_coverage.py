"""docs/seed-coverage.md names pages that open, endpoints that exist and tests that exist; or says that a row is open."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from django.urls import Resolver404, resolve

from meshportal.api.v1 import api

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "seed-coverage.md"
# Every type and method of the document, so that none is left out by mistake.
SEED = """
IstioConfig TracingConfig CustomTag IstioIntegration::new configure_tracing create_virtual_service create_destination_rule
enable_mtls deploy_canary VirtualServiceSpec HttpRoute HttpMatchRequest UriMatch HTTPRouteDestination Destination RetryConfig
DestinationRuleSpec TrafficPolicy LoadBalancerSettings TcpSettings HttpSettings OutlierDetection Subset CanaryConfig
SuccessCriteria CanaryDeployment get_status rollback EnvoyTracingConfig configure_envoy_tracing configure_prometheus
configure_access_logs AccessLogConfig MtlsConfig MtlsMode create_peer_authentication PeerAuthenticationSpec
AuthorizationPolicySpec AuthorizationAction create_authorization_policy check_mtls_readiness get_istio_metrics get_tracing_status
test_zipkin_connectivity get_envoy_config check_certificates refresh_certificates get_virtual_service_status
get_destination_rule_status get_pods_by_subset TrafficManagementConfig
""".split()  # noqa: SIM905  fifty words read better as a text


class Row(NamedTuple):
    seed: str
    page: str
    endpoint: str
    test: str

    @property
    def is_open(self) -> bool:
        return "open" in {self.page, self.endpoint, self.test}


def rows() -> list[Row]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.read_text().splitlines() if line[:1] == "|"]
    return [Row(*row) for row in cells if row[0] != "seed" and not set(row[0]) <= {"-"}]


ROWS = rows()
DONE = [row for row in ROWS if not row.is_open]


def quoted(cell: str) -> str:
    return cell.strip("`")


@cache
def endpoints() -> set[str]:
    paths = api.get_openapi_schema()["paths"]
    return {f"{method.upper()} {path.removeprefix('/api/v1')}" for path, methods in paths.items() for method in methods}


@cache
def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text()) if path.exists() else ast.Module([], [])
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", DONE, ids=lambda row: row.seed[:60])
def test_what_a_row_names_exists(row: Row) -> None:
    if row.page:
        try:
            resolve(quoted(row.page))
        except Resolver404:
            pytest.fail(f"no page at {row.page}")
    if row.endpoint:
        assert quoted(row.endpoint) in endpoints()
    path, _, name = quoted(row.test).partition("::")
    assert name in functions_of(ROOT / path), row.test


@pytest.mark.parametrize("row", [row for row in ROWS if row.is_open], ids=lambda row: row.seed[:60])
def test_an_open_row_is_open_everywhere(row: Row) -> None:
    assert (row.page, row.endpoint, row.test) == ("open", "open", "open")


def test_nothing_of_the_document_is_left_out() -> None:
    words = set(re.findall(r"[\w:]+", TABLE.read_text()))
    missing = [name for name in SEED if name not in words and not any(word.split("::")[0] == name for word in words)]
    assert missing == []
