"""The CEL rules of the CRDs (x-kubernetes-validations), in the API server's words.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

from meshportal.sandbox.api.status import Cause, JsonObject
from meshportal.sandbox.api.validation import type_name

# Go's time.ParseDuration; the CEL library takes a little more, such as a trailing blank
DURATION = re.compile(r"[-+]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)")
NO_SUCH_FUNCTION = "Undefined variable or function"


def check(schema: JsonObject, value: Any, path: str) -> Iterator[Cause]:
    """One cause for every rule that does not hold at `path` or below it. The types are right already."""
    if value is None:
        return
    for rule in schema.get("x-kubernetes-validations", []):
        complaint = _judge(rule, value)
        if complaint:
            yield Cause("FieldValueInvalid", f"Invalid value: {complaint}", path)
    if isinstance(value, list):
        for number, part in enumerate(value):
            yield from check(schema.get("items", {}), part, f"{path}[{number}]")
    elif isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, part in value.items():
            if name in known:
                yield from check(known[name], part, f"{path}.{name}" if path else name)
            elif isinstance(others, dict):
                yield from check(others, part, f"{path}[{name}]")


def _judge(rule: JsonObject, value: Any) -> str:
    """ "" where the rule holds, else the value and what the rule says, as the server puts them together."""
    text, message = rule["rule"], rule.get("message") or f"failed rule: {rule['rule']}"
    shown = "" if isinstance(value, (dict, list)) else f"{json.dumps(value)}: "
    try:
        if "duration(self)" in text and not DURATION.fullmatch(value):
            raise RuntimeError("Function 'duration'")
        holds = _program(text).execute({"self": value})
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = _reason(error)
        # a function this library lacks judges nothing; Istio uses those for WasmPlugin URLs and the like
        return f'"{type_name(value)}": {reason} evaluating rule: {message}' if reason else ""
    return "" if holds else f"{shown}{message}"


def _reason(error: Exception) -> str:
    text = str(error)
    if isinstance(error, KeyError):
        return f"no such key: {error.args[0]}"
    if NO_SUCH_FUNCTION in text:
        return ""
    for function, name in (("duration", "google.protobuf.Duration"), ("int", "int")):
        if f"Function '{function}'" in text:
            return f"type conversion error from 'string' to '{name}'"
    return text


@functools.cache
def _program(text: str) -> Any:
    # imported late: most objects have no rule, and the library is native code
    import cel

    return cel.compile(text)
