"""`manage.py token`: an API token for a person, or the end of one."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from meshportal.accounts.models import Person
from meshportal.accounts.services import TokenNameTaken, issue_token, revoke_token
from meshportal.audit.models import AuditEvent
from meshportal.audit.services import Actor

COMMAND = Actor(None, "manage.py token", AuditEvent.Via.COMMAND)


class Command(BaseCommand):
    help = "Issue an API token for a person, and print it: the only time it can be read. With --revoke: end one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("person", help="whose token it is; it may do what they may")
        parser.add_argument("--name", required=True, help="what it is for, to tell it from their others")
        parser.add_argument("--revoke", action="store_true", help="end the token of that name, at once")
        parser.add_argument("--days", type=int, default=90, help="how long it is valid (default: 90)")

    def handle(self, *args: Any, **options: Any) -> None:
        person = Person.objects.filter(username=options["person"]).first()
        if options["revoke"]:
            if person is None or not revoke_token(person, options["name"], by=COMMAND, now=timezone.now()):
                raise CommandError(f"{options['person']} has no working token named {options['name']!r}.")
            self.stdout.write(f"The token {options['name']!r} of {options['person']} no longer works.")
            return
        if person is None or not person.is_active:
            raise CommandError(f"There is no active person named {options['person']}.")
        if options["days"] < 1:
            raise CommandError("A token is valid for one day at least.")
        try:
            plain = issue_token(person, options["name"], by=COMMAND, now=timezone.now(), days=options["days"])
        except TokenNameTaken as error:
            raise CommandError(f"{error}.") from None
        self.stdout.write(plain)
