"""Prometheus' text format: writing our samples, reading istiod's.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from meshportal.sandbox.world.prometheus import number
from meshportal.sandbox.world.tsdb import NAME, Labels, labels_of

_ISTIOD_PREFIXES = ("pilot_", "istiod_", "istio_build", "citadel_", "galley_", "sidecar_injection_")

_LINE = re.compile(r'(?P<name>[\w:]+)(?:\{(?P<labels>(?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?\s+(?P<value>\S+)(?:\s+-?\d+)?')
_LABEL = re.compile(r'(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")


def text_of(samples: Iterable[tuple[Labels, float]]) -> str:
    """One line per sample, sorted so that lines of one metric stand together."""
    return "".join(f"{_identity(labels)} {number(value)}\n" for labels, value in sorted(samples, key=_by_name))


def istiod_samples(text: str) -> Iterator[tuple[Labels, float]]:
    """The samples of istiod's /metrics that say something of istiod (not of its Go runtime). Raises ValueError."""
    for name, labels, value in parsed(text):
        if name.startswith(_ISTIOD_PREFIXES):
            yield labels_of(name, {**labels, "app": "istiod", "namespace": "istio-system"}), value


def parsed(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """(name, labels, value) of every line that is a sample; a timestamp at its end is ignored. Raises ValueError."""
    # not splitlines(): that also cuts at separators that may stand in a label
    for line in text.split("\n"):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise ValueError(f"not a sample: {line[:80]!r}")
        labels = {name: _unescaped(value) for name, value in _LABEL.findall(found["labels"] or "")}
        yield found["name"], labels, float(found["value"])


def _by_name(sample: tuple[Labels, float]) -> tuple[str, Labels]:
    return dict(sample[0])[NAME], sample[0]


def _identity(labels: Labels) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels if name != NAME)
    name = dict(labels)[NAME]
    return f"{name}{{{pairs}}}" if pairs else name


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _unescaped(value: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], value)
