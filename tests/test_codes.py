"""Every code of ours means one thing: two rooms that both say MP0801 would be read as one."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

MADE = re.compile(r'(?:[Ff]inding|Code|_refused|_warned)\(\s*"(MP\d{4})"')
THE_SAME_EVERYWHERE = {"MP0101", "MP0105"}  # nothing would change; the VirtualService routes other hosts too
ROOMS = Path(__file__).resolve().parent.parent / "meshportal" / "mesh"


def room_of(path: Path) -> str:
    """The package or module below mesh/ that a file belongs to."""
    return path.relative_to(ROOMS).parts[0].removesuffix(".py")


def test_a_code_is_made_in_one_room() -> None:
    makers: dict[str, set[str]] = defaultdict(set)
    for path in ROOMS.rglob("*.py"):
        for code in MADE.findall(path.read_text()):
            makers[code].add(room_of(path))
    assert makers, "codes are found at all"
    shared = {code: sorted(rooms) for code, rooms in makers.items() if len(rooms) > 1 and code not in THE_SAME_EVERYWHERE}
    assert shared == {}
