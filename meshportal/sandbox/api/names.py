"""Names and labels: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/"""

from __future__ import annotations

import re

from meshportal.sandbox.api.kinds import Resource
from meshportal.sandbox.api.status import Cause, JsonObject

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SERVICE_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
KEY = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")

SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
KEY_TEXT = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


def metadata_causes(resource: Resource, metadata: JsonObject) -> list[Cause]:
    """What is wrong with the name, the labels and the annotations of an object."""
    name = metadata.get("name", "")
    causes = [] if name else [Cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")]
    if name:
        causes += _name_causes(resource, name)
    for key, value in (metadata.get("labels") or {}).items():
        causes += _key_causes(key, "metadata.labels")
        if not (len(value) <= 63 and VALUE.fullmatch(value)):
            causes.append(_invalid(value, VALUE_TEXT, "metadata.labels"))
    for key in metadata.get("annotations") or {}:
        causes += _key_causes(key.lower(), "metadata.annotations")
    return causes


def _name_causes(resource: Resource, name: str) -> list[Cause]:
    short = resource.kind in ("Namespace", "Service")
    longest = 63 if short else 253
    causes = [_invalid(name, f"must be no more than {longest} characters", "metadata.name")] if len(name) > longest else []
    if not (LABEL if short else SUBDOMAIN).fullmatch(name):
        causes.append(_invalid(name, LABEL_TEXT if short else SUBDOMAIN_TEXT, "metadata.name"))
    return causes


def _key_causes(key: str, field: str) -> list[Cause]:
    prefix, slash, last = key.rpartition("/")
    causes = []
    if slash and not (prefix and len(prefix) <= 253 and SUBDOMAIN.fullmatch(prefix)):
        causes.append(_invalid(key, f"prefix part {SUBDOMAIN_TEXT}", field))
    if not (last and len(last) <= 63 and KEY.fullmatch(last)):
        causes.append(_invalid(key, KEY_TEXT, field))
    return causes


def _invalid(value: str, text: str, field: str) -> Cause:
    return Cause("FieldValueInvalid", f'Invalid value: "{value}": {text}', field)
