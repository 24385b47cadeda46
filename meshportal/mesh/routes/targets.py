"""Where a rule sends requests and copies of them: subsets that exist, each once, and shares that add up."""

from __future__ import annotations

from meshportal.mesh.routes.live import RoutesLive, offered_subsets
from meshportal.mesh.routes.shape import Raw, Walk


def check(route: Raw, before: Raw | None, live: RoutesLive, path: str, walk: Walk) -> None:
    """Judge destinations and mirrors of a rule that was touched. `before` is the rule as it is live, None for a new one."""
    offered = offered_subsets(live)
    for name in ("destinations", "mirrors"):
        seen: set[tuple[str, str, str]] = set()
        for number, row in enumerate(route[name]):
            here = f"{path}.{name}[{number}]"
            if walk.touched(here):
                _target(row, seen, offered, here, walk)
                if name == "mirrors" and not row["host"] and not row["subset"]:
                    walk.wrong(f"{here}.subset", "mirror-missing")
            seen.add(_identity(row))
    _weights(route["destinations"], before["destinations"] if before else [], f"{path}.destinations", walk)


def _target(row: Raw, seen: set[tuple[str, str, str]], offered: dict[str, dict[str, str]], path: str, walk: Walk) -> None:
    judged = walk.touched(f"{path}.subset", f"{path}.host") or path in walk.changed
    if row["subset"] and not row["host"] and row["subset"] not in offered and judged and not _known_wrong(path, walk):
        known = ", ".join(sorted(offered)) or "-"
        walk.wrong(f"{path}.subset", "unknown-subset", subset=row["subset"][:63], known=known)
    if _identity(row) in seen:
        walk.wrong(path, "repeated-copy" if ".mirrors[" in path else "repeated-destination")


def _known_wrong(path: str, walk: Walk) -> bool:
    return any(error.field == f"{path}.subset" for error in walk.errors)


def _identity(row: Raw) -> tuple[str, str, str]:
    return row["host"], row["subset"], row["port"]


def _weights(rows: list[Raw], before: list[Raw], path: str, walk: Walk) -> None:
    """Shares that were touched sum to 100. Istio takes them as relative, so that what is live may sum to anything."""
    weights = [row["weight"] for row in rows]
    if not rows or sorted(weights) == sorted(row["weight"] for row in before):
        return
    if len(rows) == 1 and not weights[0]:
        return
    if any(error.field.startswith(f"{path}[") and error.field.endswith(".weight") for error in walk.errors):
        return
    total = sum(int(weight or 0) for weight in weights)
    if total != 100:
        last = max((number for number, weight in enumerate(weights) if weight), default=len(rows) - 1)
        walk.wrong(f"{path}[{last}].weight", "wrong-sum", sum=total)
