"""Live objects may hold anything: rules never fail over them."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meshportal.mesh.facts import Facts
from meshportal.mesh.rules import analyse
from tests.mesh.rules.mesh import facts
from tests.mesh.rules.refusals import REFUSED

_NAMES = """hosts http tcp tls route destination host subset port number weight match uri prefix exact regex headers request set
 add remove timeout retries attempts perTryTimeout retryOn gateways exportTo trafficPolicy subsets labels name loadBalancer
 consistentHash maglev tableSize servers selector portLevelSettings outlierDetection connectionPool sniHosts mirrors mirror fault
 abort delay percentage value corsPolicy allowOrigins localityLbSetting distribute from to failover protocol mode"""
FIELDS = _NAMES.split()
TEXTS = ["*", "a.b.svc.cluster.local", "1s", "v1", "mesh", "%", "(", "a/b/c", "*.x"]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(TEXTS)
SPECS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=4), inner, max_size=6),
    max_leaves=30,
)
KINDS = st.sampled_from(["VirtualService", "DestinationRule", "Gateway", "ServiceEntry"])


@settings(deadline=None)
@given(st.lists(st.tuples(KINDS, SPECS), max_size=4))
def test_no_spec_is_too_odd(objects: list[tuple[str, Any]]) -> None:
    manifests = tuple(
        {"kind": kind, "metadata": {"name": f"odd-{place}", "namespace": "bookinfo"}, "spec": spec}
        for place, (kind, spec) in enumerate(objects)
    )

    analyse(Facts(objects=manifests))


@settings(deadline=None)
@given(st.sampled_from([case[3] for case in REFUSED]), st.data())
def test_no_value_in_a_sound_object_is_too_odd(manifest: Any, data: st.DataObject) -> None:
    def spoiled(value: Any) -> Any:
        if data.draw(st.integers(0, 9)) == 0:
            return data.draw(SPECS)
        if isinstance(value, dict):
            return {key: spoiled(inner) for key, inner in value.items()}
        return [spoiled(inner) for inner in value] if isinstance(value, list) else value

    analyse(facts({**manifest, "spec": spoiled(manifest["spec"])}))
