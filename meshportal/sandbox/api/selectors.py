"""Label and field selectors: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from meshportal.sandbox.api.kinds import Resource
from meshportal.sandbox.api.status import JsonObject, bad_request

Test = Callable[[JsonObject], bool]

# a comma inside the brackets of "a in (b,c)" separates values, not requirements
_REQUIREMENTS = re.compile(r"(?:[^,(]|\([^)]*\))+")
_SET = re.compile(r"^(?P<key>[^\s!=]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^)]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s!=]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^\s]*)$")
_EXISTS = re.compile(r"^(?P<not>!?)\s*(?P<key>[^\s!=,()]+)$")


@dataclass(frozen=True)
class Selector:
    """Every test must hold."""

    tests: tuple[Test, ...] = ()

    def __call__(self, item: JsonObject) -> bool:
        return all(test(item) for test in self.tests)


def parse(resource: Resource, labels: str, fields: str) -> Selector:
    """The selector of the query parameters labelSelector and fieldSelector. Raises 400."""
    return Selector((*_label_tests(labels), *_field_tests(resource, fields)))


def _label_tests(text: str) -> list[Test]:
    return [_label_test(part.strip()) for part in _REQUIREMENTS.findall(text) if part.strip()]


def _label_test(part: str) -> Test:
    if found := _SET.match(part):
        values = {value.strip() for value in found["values"].split(",")}
        return _one_of(found["key"], values, negate=found["operator"] == "notin")
    if found := _EQUAL.match(part):
        return _one_of(found["key"], {found["value"]}, negate=found["operator"] == "!=")
    if found := _EXISTS.match(part):
        key, wanted = found["key"], not found["not"]
        return lambda item: (key in _labels(item)) is wanted
    words = part.split()
    if len(words) > 1:
        raise bad_request(f"unable to parse requirement: found '{words[1]}', expected: in, notin, =, ==, !=, gt, lt")
    raise bad_request(f"found '{part}', expected: !, identifier, or 'end of string'")


def _one_of(key: str, values: set[str], *, negate: bool) -> Test:
    # an absent label satisfies != and notin
    return lambda item: (_labels(item).get(key) in values) is not negate


def _labels(item: JsonObject) -> dict[str, str]:
    return item["metadata"].get("labels") or {}


COMMON_FIELDS = ("metadata.name", "metadata.namespace")
FIELDS = {
    "Pod": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "status.phase",
        "status.podIP",
    ),
    "Namespace": ("status.phase",),
    "Secret": ("type",),
    "ReplicaSet": ("status.replicas",),
    "Event": ("involvedObject.kind", "involvedObject.name", "involvedObject.namespace", "involvedObject.uid", "reason", "type"),
}


def _field_tests(resource: Resource, text: str) -> list[Test]:
    known = (*COMMON_FIELDS, *FIELDS.get(resource.kind, ()))
    return [_field_test(part.strip(), known) for part in text.split(",") if part.strip()]


def _field_test(part: str, known: tuple[str, ...]) -> Test:
    found = _EQUAL.match(part)
    if not found:
        raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
    path, value, negate = found["key"], found["value"], found["operator"] == "!="
    if path not in known:
        raise bad_request(f"field label not supported: {path}")
    return lambda item: (str(_at(item, path)) == value) is not negate


def _at(item: JsonObject, path: str) -> object:
    found: object = item
    for step in path.split("."):
        found = found.get(step, "") if isinstance(found, dict) else ""
    return found
