"""Fetch the third-party files served from static/vendor: `python scripts/vendor.py`. Needs npm; the result is committed.

A package is taken only if its archive has the checksum written here, so that a new version is a change of this file.
htmx is not here: django-htmx brings it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"


@dataclass(frozen=True)
class Package:
    """`files`: path inside the npm archive, without its leading package/."""

    name: str
    version: str
    sha256: str
    files: tuple[str, ...]


PACKAGES = (
    Package(
        "bootstrap",
        "5.3.9",
        "06bdf78289c3c12ea99d40df84eedf6278c724c73eebf38f11f3a65b44ec8c94",
        ("dist/css/bootstrap.min.css", "LICENSE"),
    ),
)


def fetch(package: Package) -> list[Path]:
    """Pack, check and unpack one package; the files written. Raises SystemExit when the archive is another one."""
    target = VENDOR / f"{package.name}@{package.version}"
    written = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", f"{package.name}@{package.version}"], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        archive = Path(folder) / f"{package.name}-{package.version}.tgz"
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != package.sha256:
            raise SystemExit(f"{archive.name} has the checksum {found}, not {package.sha256}: nothing was written")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        with tarfile.open(archive) as tar:
            for name in package.files:
                member = tar.extractfile(f"package/{name}")
                if member is None:
                    raise SystemExit(f"{archive.name} has no file {name}")
                path = target / Path(name).name
                path.write_bytes(member.read())
                written.append(path)
    return written


if __name__ == "__main__":
    for wanted in PACKAGES:
        for file in fetch(wanted):
            sys.stdout.write(f"{wanted.name} {wanted.version}: {file.relative_to(VENDOR.parent.parent)}\n")
