"""Whom a workload's sidecar lets in: PeerAuthentication and AuthorizationPolicy.

Rules: https://istio.io/latest/docs/reference/config/security/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshportal.mesh.refs import Manifest
from meshportal.sandbox.world.calls import Call
from meshportal.sandbox.world.hosts import ROOT_NAMESPACE, age, full_name
from meshportal.sandbox.world.pods import Workload

TRUST_DOMAIN = "cluster.local"
SOURCE = frozenset({"principals", "notPrincipals", "namespaces", "notNamespaces", "serviceAccounts", "notServiceAccounts"})
OPERATION = frozenset({"methods", "notMethods", "paths", "notPaths", "hosts", "notHosts"})
ACTIONS = frozenset({"ALLOW", "DENY"})


class Security:
    def __init__(self, peer_authentications: Iterable[Manifest], policies: Iterable[Manifest]) -> None:
        self._modes = sorted(peer_authentications, key=age)
        self._policies = [policy for policy in policies if _is_simulated(policy)]

    def mode(self, workload: Workload, port: int) -> str:
        """STRICT, PERMISSIVE or DISABLE at a port of the container: workload before namespace before mesh, of each the oldest."""
        namespace = workload.namespace
        for of_workload, where in ((True, namespace), (False, namespace), (False, ROOT_NAMESPACE)):
            policy = next((one for one in self._modes if self._is_for(one, where, workload, of_workload)), None)
            if policy is None:
                continue
            spec = policy.get("spec", {})
            by_port = (spec.get("portLevelMtls") or {}) if of_workload else {}
            for settings in (by_port.get(str(port)), spec.get("mtls")):
                mode = (settings or {}).get("mode", "UNSET")
                if mode != "UNSET":
                    return str(mode)
        return "PERMISSIVE"

    def denies(self, call: Call, workload: Workload, *, mutual_tls: bool) -> bool:
        """Whether it answers 403: a DENY fits, or there are ALLOWs and none fits."""
        policies = [policy for policy in self._policies if _applies(policy, workload)]
        deny = [policy for policy in policies if _action(policy) == "DENY"]
        allow = [policy for policy in policies if _action(policy) == "ALLOW"]
        if any(_fits(policy, call, mutual_tls) for policy in deny):
            return True
        return bool(allow) and not any(_fits(policy, call, mutual_tls) for policy in allow)

    @staticmethod
    def _is_for(policy: Manifest, namespace: str, workload: Workload, of_workload: bool) -> bool:
        labels = _selector(policy)
        # a selector in the root namespace selects in that namespace only
        return (
            policy["metadata"]["namespace"] == namespace
            and bool(labels) == of_workload
            and labels.items() <= dict(workload.labels).items()
        )


def _selector(policy: Manifest) -> dict[str, str]:
    return dict(((policy.get("spec") or {}).get("selector") or {}).get("matchLabels") or {})


def _is_simulated(policy: Manifest) -> bool:
    spec = policy.get("spec") or {}
    return _action(policy) in ACTIONS and not spec.get("targetRef") and not spec.get("targetRefs")


def _action(policy: Manifest) -> str:
    return str((policy.get("spec") or {}).get("action", "ALLOW"))


def _applies(policy: Manifest, workload: Workload) -> bool:
    return (
        policy["metadata"]["namespace"] in (workload.namespace, ROOT_NAMESPACE)
        and _selector(policy).items() <= dict(workload.labels).items()
    )


def strange_rules(policy: Manifest) -> list[str]:
    """Paths of a policy's rules with a condition that is not simulated. Such a rule fits nothing."""
    rules = (policy.get("spec") or {}).get("rules") or []
    return [f"spec.rules[{index}]" for index, rule in enumerate(rules) if _is_strange(rule)]


def _is_strange(rule: Manifest) -> bool:
    sources = {field for entry in rule.get("from") or [] for field in entry.get("source") or {}}
    operations = {field for entry in rule.get("to") or [] for field in entry.get("operation") or {}}
    templates = any("{" in path for entry in rule.get("to") or [] for path in _paths(entry.get("operation") or {}))
    return bool(rule.get("when")) or not sources <= SOURCE or not operations <= OPERATION or templates


def _paths(operation: Mapping[str, Any]) -> list[str]:
    return [*(operation.get("paths") or []), *(operation.get("notPaths") or [])]


def _fits(policy: Manifest, call: Call, mutual_tls: bool) -> bool:
    rules, namespace = (policy.get("spec") or {}).get("rules") or [], policy["metadata"]["namespace"]
    return any(_rule_fits(rule, namespace, call, mutual_tls) for rule in rules if not _is_strange(rule))


def _rule_fits(rule: Manifest, namespace: str, call: Call, mutual_tls: bool) -> bool:
    caller = call.caller
    # who a caller is comes from its certificate
    who = {
        "principals": f"{TRUST_DOMAIN}/ns/{caller.namespace}/sa/{caller.account}",
        "namespaces": caller.namespace,
        "serviceAccounts": f"{caller.namespace}/{caller.account}",
    }
    source = who if mutual_tls else {}
    what = {"methods": call.method, "paths": call.path, "hosts": full_name(call.service)}
    from_, to = rule.get("from"), rule.get("to")
    return (not from_ or any(_all(_source(entry, namespace), source) for entry in from_)) and (
        not to or any(_all(entry.get("operation") or {}, what) for entry in to)
    )


def _source(entry: Manifest, namespace: str) -> dict[str, Any]:
    """A service account without a namespace is one of the policy's."""
    wanted = dict(entry.get("source") or {})
    for field in ("serviceAccounts", "notServiceAccounts"):
        if field in wanted:
            wanted[field] = [name if "/" in name else f"{namespace}/{name}" for name in wanted[field] or []]
    return wanted


def _all(wanted: Mapping[str, Any], found: Mapping[str, str]) -> bool:
    for field, patterns in wanted.items():
        negated = field.startswith("not")
        name = field[3:4].lower() + field[4:] if negated else field
        fits = name in found and any(_text(pattern, found[name]) for pattern in patterns or [])
        if fits == negated:
            return False
    return True


def _text(pattern: str, text: str) -> bool:
    """Exactly, by "prefix*", by "*suffix", or "*" for anything that is there."""
    if pattern == "*":
        return bool(text)
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return text.endswith(pattern[1:])
    return pattern == text
