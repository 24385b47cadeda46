"""`python -m meshportal.sandbox api|world`: the two parts of a mesh in a box."""

from __future__ import annotations

import argparse
import importlib
import sys

PARTS = {
    "api": "a small fake Kubernetes API over HTTPS",
    "world": "demo workloads, traffic and metrics on any Kubernetes API",
}


def main(arguments: list[str] | None = None) -> int:
    # only the part that runs is imported: each has libraries of its own
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m meshportal.sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="part", required=True)
    for name, text in PARTS.items():
        command = commands.add_parser(name, help=text, description=text)
        if arguments[:1] == [name]:
            importlib.import_module(f"meshportal.sandbox.{name}.cli").add_arguments(command)
    args = parser.parse_args(arguments)
    code: int = importlib.import_module(f"meshportal.sandbox.{args.part}.cli").main(args)
    return code


if __name__ == "__main__":
    sys.exit(main())
