"""What is wrong with one typed or sent value: a code and values, which `policies` turns into a sentence."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """Why the value at `field` (a path such as routes[0].timeout, "" for the whole) cannot be used."""

    field: str
    code: str
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
