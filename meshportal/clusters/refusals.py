"""Why something about a mesh cannot be done."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """The person may not do this. The sentence says why."""


class NotNow(Exception):
    """It makes no sense as things stand. The sentence says why."""


class Unusable(Exception):
    """What was sent cannot be used. `problems` has a sentence for every field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = dict(problems)


def unkeepable(text: str) -> bool:
    """Whether no database keeps this text: NUL, or half of a character."""
    return "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text)
