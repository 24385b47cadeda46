"""`python -m bench`: what the portal costs. README.md says what each number means.

--only deciding,findings,verdicts,pages,rollouts   parts to run; all without it
--thorough                                         600 simulated runs, and 1,000 rollouts at once: minutes
--no-real                                          measure on the API in memory even where a real one is built
--json FILE                                        where to put the numbers; else they are printed after the tables
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.numbers import Section, table
from bench.setting_up import database

PARTS = ("deciding", "findings", "verdicts", "pages", "rollouts")


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(PARTS):
        sys.stderr.write(f"There is no part named {', '.join(sorted(unknown))}. Parts: {', '.join(PARTS)}.\n")
        return 2
    sections = []
    for section in measured(chosen, thorough=options.thorough, real=not options.no_real):
        sections.append(section)
        print(table(section), flush=True)
    whole = {
        "machine": {"python": platform.python_version(), "system": platform.platform(), "processors": os.cpu_count()},
        "sections": [section.to_json() for section in sections],
    }
    text = json.dumps(whole, indent=1)
    if options.json:
        options.json.write_text(text)
        print(f"JSON: {options.json}")
    else:
        print(text)
    return 0


def measured(chosen: list[str], *, thorough: bool, real: bool) -> Iterable[Section]:
    with database():
        from bench import pages, pure, rollouts

        parts: dict[str, Callable[[], Iterable[Section]]] = {
            "deciding": lambda: [pure.deciding()],
            "findings": lambda: [pure.findings()],
            "verdicts": lambda: [pure.verdicts(600 if thorough else 60)],
            "pages": lambda: [pages.pages()],
            "rollouts": lambda: rollouts.measured(thorough=thorough, real=real),
        }
        for name in PARTS:
            if name in chosen:
                yield from parts[name]()


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    whole.add_argument("--only", default=",".join(PARTS))
    whole.add_argument("--thorough", action="store_true")
    whole.add_argument("--no-real", action="store_true")
    whole.add_argument("--json", type=Path)
    return whole


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
