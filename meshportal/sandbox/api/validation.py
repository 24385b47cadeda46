"""An object against a structural schema: types, enums, ranges, lengths, patterns, required fields, oneOf.

The sentences are those of the Kubernetes API server's CRD validation. CEL rules are judged in cel_rules.py, after this.
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

from meshportal.sandbox.api.status import Cause, JsonObject

NOWHERE = "<nil>"
INT32 = range(-(2**31), 2**31)
# after one of these the CEL rules are not looked at
BLOCKING = frozenset(
    {"FieldValueRequired", "FieldValueTypeInvalid", "FieldValueNotSupported", "FieldValueTooLong", "FieldValueTooMany"}
)
UNCHECKED = Cause(
    "FieldValueInvalid",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
    NOWHERE,
)
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def check(schema: JsonObject, value: Any, path: str) -> Iterator[Cause]:
    """What is wrong with `value`, which lies at `path`."""
    if value is None and schema.get("nullable"):
        return
    wrong = list(_type(schema, value, path))
    yield from wrong
    if "enum" in schema and value not in schema["enum"]:
        supported = ", ".join(json.dumps(one) for one in schema["enum"])
        yield Cause("FieldValueNotSupported", f"Unsupported value: {_compact(value)}: supported values: {supported}", path)
    if wrong:
        pass  # what is inside says nothing then, but enum and oneOf are still judged
    elif isinstance(value, str):
        yield from _text(schema, value, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _range(schema, value, path)
    elif isinstance(value, list):
        yield from _list(schema, value, path)
    elif isinstance(value, dict):
        yield from _object(schema, value, path)
    yield from _choices(schema, value, path)


def _invalid(message: str, path: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {message}", path)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


# ---------------------------------------------------------------- types


def type_name(value: Any) -> str:
    """The server's word for the type of a JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {dict: "object", list: "array", str: "string", int: "integer", float: "number"}
    return names[type(value)]


def _type(schema: JsonObject, value: Any, path: str) -> Iterator[Cause]:
    if schema.get("x-kubernetes-int-or-string"):
        if not isinstance(value, (int, str)) or isinstance(value, bool):
            yield _wrong_type(type_name(value), "integer,string", path)
        return
    wanted: str | None = schema.get("type")
    if wanted is None:
        return
    fits = isinstance(value, TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))
    if wanted == "integer" and isinstance(value, float) and value.is_integer():
        fits = True
    number_format = str(schema.get("format", "")) if wanted in ("integer", "number") else ""
    if not fits and wanted == "integer" and isinstance(value, float):
        yield _wrong_type("float64" if number_format else "number", number_format or wanted, path)
        yield from _no_integer(number_format, path)
    elif not fits and number_format and isinstance(value, (bool, dict)):
        yield _wrong_type("", number_format, path)
    elif not fits:
        yield _wrong_type(type_name(value), wanted, path)
    elif number_format == "int32" and int(value) not in INT32:
        yield from _no_integer(number_format, path)


def _wrong_type(found: str, wanted: str, path: str) -> Cause:
    return Cause("FieldValueTypeInvalid", f'Invalid value: "{found}": {path} in body must be of type {wanted}: "{found}"', path)


def _no_integer(number_format: str, path: str) -> Iterator[Cause]:
    of_format = f"with format {number_format}" if number_format else "(default format)"
    yield _invalid(f'"": Checked value must be of type integer {of_format} in {path}', NOWHERE)


# ---------------------------------------------------------------- values


@functools.cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _text(schema: JsonObject, value: str, path: str) -> Iterator[Cause]:
    if "minLength" in schema and len(value) < schema["minLength"]:
        yield _invalid(f"{json.dumps(value)}: {path} in body should be at least {schema['minLength']} chars long", path)
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield Cause("FieldValueTooLong", f"Too long: may not be more than {schema['maxLength']} bytes", path)
    if "pattern" in schema and not _pattern(schema["pattern"]).search(value):
        yield _invalid(f"{json.dumps(value)}: {path} in body should match '{schema['pattern']}'", path)


def _range(schema: JsonObject, value: float, path: str) -> Iterator[Cause]:
    if "minimum" in schema and value < schema["minimum"]:
        yield _invalid(f"{value}: {path} in body should be greater than or equal to {_short(schema['minimum'])}", path)
    if "maximum" in schema and value > schema["maximum"]:
        yield _invalid(f"{value}: {path} in body should be less than or equal to {_short(schema['maximum'])}", path)


def _short(number: float) -> str:
    """A number as Go prints a float64."""
    return f"{number:g}" if abs(number) < 1e21 and float(f"{number:g}") == number else str(number)


def _list(schema: JsonObject, value: list[Any], path: str) -> Iterator[Cause]:
    if "minItems" in schema and len(value) < schema["minItems"]:
        yield _invalid(f"{len(value)}: {path} in body should have at least {schema['minItems']} items", path)
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        yield Cause("FieldValueTooMany", f"Too many: {len(value)}: must have at most {schema['maxItems']} items", path)
    for number, part in enumerate(value):
        yield from check(schema.get("items", {}), part, f"{path}[{number}]")


def _object(schema: JsonObject, value: JsonObject, path: str) -> Iterator[Cause]:
    prefix = f"{path}." if path else ""
    if "minProperties" in schema and len(value) < schema["minProperties"]:
        yield _invalid(f"{len(value)}: {path} in body should have at least {schema['minProperties']} properties", path)
    if "maxProperties" in schema and len(value) > schema["maxProperties"]:
        yield Cause("FieldValueTooMany", f"Too many: {len(value)}: must have at most {schema['maxProperties']} items", path)
    for name in schema.get("required", []):
        if name not in value:
            yield Cause("FieldValueRequired", "Required value", f"{prefix}{name}")
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, part in value.items():
        inner = known.get(name) or (others if isinstance(others, dict) else None)
        if inner is not None:
            yield from check(inner, part, f"{prefix}{name}")


# ---------------------------------------------------------------- oneOf, anyOf, allOf, not


def _choices(schema: JsonObject, value: Any, path: str) -> Iterator[Cause]:
    if schema.get("x-kubernetes-int-or-string"):
        return  # its anyOf says again what the type check has said
    if "oneOf" in schema:
        fitting = sum(fits(one, value) for one in schema["oneOf"])
        if fitting != 1:
            found = f"Found {fitting} valid alternatives" if fitting else "Found none valid"
            yield _invalid(f'"": "{path}" must validate one and only one schema (oneOf). {found}', NOWHERE)
    if "anyOf" in schema and not any(fits(one, value) for one in schema["anyOf"]):
        yield _invalid(f'"": "{path}" must validate at least one schema (anyOf)', NOWHERE)
    if "allOf" in schema:
        wrong = [cause for one in schema["allOf"] for cause in check(one, value, path)]
        yield from wrong
        if wrong:
            none = "" if any(fits(one, value) for one in schema["allOf"]) else ". None validated"
            yield _invalid(f'"": "{path}" must validate all the schemas (allOf){none}', NOWHERE)
    if "not" in schema and fits(schema["not"], value):
        yield _invalid(f'"": "{path}" must not validate the schema (not)', NOWHERE)


def fits(schema: JsonObject, value: Any) -> bool:
    """Whether `value` is right by `schema`."""
    return next(check(schema, value, ""), None) is None
