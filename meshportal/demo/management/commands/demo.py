"""`manage.py demo`: the whole product on this machine, with a mesh in a box, a real control plane, or real proxies too."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from argparse import SUPPRESS, ArgumentParser
from pathlib import Path
from typing import Any, NoReturn, get_args

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from meshportal.demo.processes import Failed
from meshportal.demo.supervisor import Demo, Mesh, Progress, Ready
from meshportal.demo.walk import StepFailed, walk

# What a developer may have set for another installation, and the demo must not follow.
FOREIGN = (
    "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "TLS", "BEHIND_PROXY", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "STATIC_ROOT",
)  # fmt: skip


class Command(BaseCommand):
    help = "Start the whole product on this machine: a mesh with traffic, observer, worker, web. Ctrl-C stops everything."
    requires_system_checks = ()  # `migrate` checks, once the settings are the demo's own

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--mesh", choices=get_args(Mesh), default="sandbox",
            help="what the portal looks after: all simulated, on a real control plane, or with real proxies and traffic as well",
        )  # fmt: skip
        parser.add_argument("--check", action="store_true", help="walk a change through it, print one JSON object, and stop")
        parser.add_argument("--folder", type=Path, help="where it keeps its database, objects and logs; one demo per folder")
        parser.add_argument("--port", type=int, help="the port of the pages; else a free one, kept for the next start")
        parser.add_argument("--temporary", action="store_true", help=SUPPRESS)  # set by this command for a folder it made

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path | None = options["folder"]
        if folder is None or folder.resolve() != settings.VAR_DIR.resolve():
            start_again_in(folder, new=options["mesh"] != "sandbox")
        signal.signal(signal.SIGTERM, interrupt)
        signal.signal(signal.SIGINT, interrupt)
        try:
            self.run(**options)
        except KeyboardInterrupt:
            self.stderr.write("\nStopped.")
        except (Failed, StepFailed) as error:
            raise CommandError(str(error)) from None
        finally:
            if options["temporary"]:
                shutil.rmtree(settings.VAR_DIR, ignore_errors=True)

    def run(self, **options: Any) -> None:
        check: bool = options["check"]
        # The object of --check is alone on standard output, so progress goes to standard error there.
        stream = sys.stderr if check else sys.stdout
        stream.write(f"MeshPortal demo, mesh: {options['mesh']}, folder: {settings.VAR_DIR}\n")
        demo = Demo(options["mesh"], progress=Progress(stream), port=options["port"])
        with demo:
            ready = demo.start()
            if check:
                self.stdout.write(json.dumps(walk(ready, check=demo.children.check, progress=demo.progress)))
                return
            self.stdout.write(welcome(ready))
            self.stdout.flush()
            demo.watch()


def interrupt(*_: object) -> NoReturn:
    """SIGTERM means what Ctrl-C means; once: a second one must not cut the stopping short."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def start_again_in(folder: Path | None, *, new: bool) -> NoReturn:
    """Replace this process by one whose settings are the demo's: they are read once, when Django starts.

    Without a `folder` the sandbox keeps its rows and objects in VAR_DIR/demo; a `new` mesh gets a new folder.
    """
    arguments = sys.orig_argv[1:]
    if folder is None and new:
        folder = Path(tempfile.mkdtemp(prefix="meshportal-"))
        arguments.append("--temporary")
    elif folder is None:
        folder = settings.VAR_DIR / "demo"
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # the database holds sessions, the mesh's folder tokens
    for key in FOREIGN:
        os.environ.pop(key, None)
        os.environ.pop(f"{key}_FILE", None)
    os.environ["VAR_DIR"] = str(folder)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *arguments, "--folder", str(folder)])  # noqa: S606  there is no shell to go through


def welcome(ready: Ready) -> str:
    people = "\n".join(f"    {member.username:<6} {member.does}" for member in ready.people)
    return f"""
Ready after {ready.seconds:.1f} s:  {ready.address}

    Sign in as one of these, with the password  {ready.password}  (new at every start)
{people}

Logs: {ready.log_folder}    Ctrl-C stops everything.
"""
