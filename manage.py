#!/usr/bin/env python3
"""Django's command line for MeshPortal."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshportal.settings")
    from django.core.management import execute_from_command_line

    import meshportal.celery  # noqa: F401  makes `task.delay` know its broker in every command

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
