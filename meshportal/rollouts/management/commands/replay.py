"""`manage.py replay ROLLOUT`: judge a canary again from what it saw, and say where it comes out otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from meshportal.rollouts.models import Rollout
from meshportal.rollouts.replaying import replay


class Command(BaseCommand):
    help = "Recomputes every verdict of a canary from its stored looks. Ends with 1 where one differs from what was decided."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("rollout", help="its number, such as 12 or RO-12")

    def handle(self, *_args: Any, **options: Any) -> None:
        number = options["rollout"].upper().removeprefix("RO-")
        rollout = Rollout.objects.filter(pk=int(number)).first() if number.isdecimal() else None
        if rollout is None:
            raise CommandError(f"There is no rollout {options['rollout']}. Their numbers are in the addresses of their pages.")
        count, differing = replay(rollout)
        for one in differing:
            at = datetime.fromtimestamp(one.look.end, UTC)
            tests = f"; tests: {', '.join(one.tests)}" if one.tests else ""
            self.stdout.write(f"{at:%Y-%m-%d %H:%M:%S} step {one.look.step + 1}: kept {one.kept}, now {one.again}{tests}")
        self.stdout.write(f"{rollout.label}: {count - len(differing)} of {count} verdicts come out as they were kept.")
        if differing:
            raise SystemExit(1)
