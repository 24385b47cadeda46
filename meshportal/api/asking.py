"""What a pipeline sends to ask for a change, and where it sends it: one shape for every kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Schema
from pydantic import AfterValidator, Field

from meshportal.accounts.permissions import Scope, Verb, can
from meshportal.api.auth import caller
from meshportal.changes import services
from meshportal.changes.kinds import Problem, Subject
from meshportal.clusters.queries import cluster_named

MAX_DEPTH = 12
NO_SUCH_SERVICE = Problem("service", "There is no such service in this namespace.")


def keepable(text: str) -> str:
    """`text`, unless it holds half of a character: JSON can write one (\\ud800), and nothing can keep it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a character, a lone surrogate") from None
    return text


def keepable_spec(value: Any, depth: int = 0) -> Any:
    """`value`, unless it is nested deeper than any form or holds a text that nothing can keep."""
    if depth > MAX_DEPTH:
        raise ValueError(f"is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        keepable(value)
    elif isinstance(value, list):
        for inner in value:
            keepable_spec(inner, depth + 1)
    elif isinstance(value, dict):
        for key, inner in value.items():
            keepable(str(key))
            keepable_spec(inner, depth + 1)
    return value


Text = Annotated[str, AfterValidator(keepable)]
Spec = Annotated[dict[str, Any], AfterValidator(keepable_spec)]


class Wanted(Schema):
    """Kind `traffic` takes `weights`: whole percents by subset that sum to 100. Every other kind takes `spec`, in the shape that
    GET /services/{cluster}/{namespace}/{name}/policies/{kind} gives: keys that are left out stay as they are, an empty value
    removes a field, and a row keeps its `origin` so that what a spec does not show survives."""

    model_config = {"extra": "forbid", "strict": True}

    kind: Literal["traffic", "routes", "destination", "gateway", "removal", "copy", "rollout"] = "traffic"
    cluster: Text
    namespace: Text
    service: Text
    weights: dict[Text, int] | None = None
    spec: Spec | None = None


class ChangeIn(Wanted):
    """`base`, if given, is what you read: 409 if live differs. `confirm` are the codes of the warnings you have read and accept;
    422 names those that are missing."""

    reason: Text
    ticket: Text = ""
    base: Text = ""
    confirm: list[Text] = Field(default_factory=list)
    submit: bool = False


def subject_of(request: HttpRequest, wanted: Wanted) -> Subject:
    """What the change is about. Raises Invalid for a mesh or namespace outside the caller's scope."""
    cluster = cluster_named(wanted.cluster)
    if cluster is None or not can(caller(request), Verb.VIEW, Scope(wanted.cluster, wanted.namespace)):
        raise services.Invalid([Problem("namespace", "There is no such cluster and namespace in your scope.")])
    return Subject(cluster, wanted.namespace, wanted.service)


def raw_of(wanted: Wanted) -> Mapping[str, Any]:
    """What the kind's `propose` takes. Raises Invalid where the other of the two was sent."""
    needed, other = ("weights", "spec") if wanted.kind == "traffic" else ("spec", "weights")
    problems = []
    if getattr(wanted, needed) is None:
        problems.append(Problem(needed, f"Kind {wanted.kind} takes {needed}."))
    if getattr(wanted, other) is not None:
        problems.append(Problem(other, f"Kind {wanted.kind} does not take {other}. Send {needed}."))
    if problems:
        raise services.Invalid(problems)
    return {"weights": wanted.weights} if wanted.kind == "traffic" else dict(wanted.spec or {})
