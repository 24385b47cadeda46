"""Whether a canary may begin: every reason why not, as a code with its values.

Codes: observer, route (what: route, destinations, several), foreign (destinations), weights (share), subset (name), version
(name), pods (name, ready), steered (manager), prometheus (reason), no-series.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshportal.mesh.authors import PORTAL
from meshportal.mesh.plans import other_managers
from meshportal.mesh.refs import Manifest
from meshportal.mesh.rollouts.phases import Hold, Reason
from meshportal.mesh.rollouts.route import Missing, place_of
from meshportal.mesh.rollouts.spec import Spec
from meshportal.mesh.rules.ownership import owner_of
from meshportal.rollouts.guards import Around

STEERS = ("flagger", "rollouts-controller", "argo-rollouts", "argocd", "kustomize-controller", "helm-controller", "fluxcd")
"""Beginnings of names of field managers that write a route again and again: Flagger, Argo Rollouts, Argo CD, Flux."""
ROLLOUTS_MARK = "argo-rollouts.argoproj.io/"
ONCE = {"Helm"}
"""Who has made an object and does not come back to it by itself."""


def reasons(spec: Spec, route: Manifest | None, there: Around, problem: str) -> tuple[Reason, ...]:
    """Every reason; `problem` is why there is no evidence, "" where there is some."""
    return tuple(Reason(Hold.PREFLIGHT, values) for values in _found(spec, route, there, problem))


def _found(spec: Spec, route: Manifest | None, there: Around, problem: str) -> Iterator[dict[str, Any]]:
    if not there.observed:
        yield {"code": "observer"}
    try:
        place = place_of(route, spec)
    except Missing as missing:
        yield {"code": "route", "what": missing.what}
    else:
        if place.foreign:
            yield {"code": "foreign", "destinations": list(place.foreign)}
        elif place.share or not place.weights[0]:
            yield {"code": "weights", "share": place.share}
    if route is not None and (manager := steered_by(route)):
        yield {"code": "steered", "manager": manager}
    for subset in (spec.baseline, spec.canary):
        if subset not in there.labels:
            yield {"code": "subset", "name": subset}
        elif not there.version(subset):
            yield {"code": "version", "name": subset}
        elif not there.ready.get(subset):
            yield {"code": "pods", "name": subset, "ready": there.ready.get(subset)}
    if problem == "no-data":
        yield {"code": "no-series"}
    elif problem:
        yield {"code": "prometheus", "reason": problem}


def steered_by(manifest: Manifest) -> str:
    """Who else writes this object by itself, "" for nobody: an owner, a mark, or the manager of the weights."""
    owner = owner_of(manifest)
    if owner and owner not in ONCE:
        return owner
    metadata = manifest["metadata"]
    if any(mark.startswith(ROLLOUTS_MARK) for mark in (*(metadata.get("annotations") or {}), *(metadata.get("labels") or {}))):
        return "Argo Rollouts"
    managers = [name for name, _at in other_managers(manifest, (("spec", "http"),), PORTAL)]
    return next((name for name in managers if name.lower().startswith(STEERS)), "")
