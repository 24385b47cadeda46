"""`manage.py person`: create somebody who can sign in, change what they may do, or end it."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from meshportal.accounts.models import Person
from meshportal.accounts.people import Grant, PersonExists, create_person, deactivate, replace_roles
from meshportal.audit.models import AuditEvent
from meshportal.audit.services import Actor

COMMAND = Actor(None, "manage.py person", AuditEvent.Via.COMMAND)


def grant(text: str) -> Grant:
    try:
        return Grant.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


class Command(BaseCommand):
    help = "Create a person, asking for their password: there is no default one. Or change one that is there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what they sign in with")
        parser.add_argument(
            "--role", type=grant, action="append", default=[], metavar="ROLE[:CLUSTER[/NAMESPACE]]",
            help="viewer, operator, approver, responder or admin, and where (default: everywhere); may be given several times",
        )  # fmt: skip
        change = parser.add_mutually_exclusive_group()
        change.add_argument("--replace-roles", action="store_true", help="give somebody exactly the roles named here")
        change.add_argument("--deactivate", action="store_true", help="end somebody's sign-in, sessions and tokens")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input, one line")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["replace_roles"] or options["deactivate"]:
            self.change(options)
            return
        password = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else asked_twice()
        try:
            create_person(options["name"], password, options["role"], by=COMMAND, now=timezone.now())
        except PersonExists as error:
            raise CommandError(f"{error}.") from None
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"{options['name']} can sign in.")

    def change(self, options: dict[str, Any]) -> None:
        """Change somebody who is there. Raises CommandError where nobody of that name is."""
        person = Person.objects.filter(username=options["name"]).first()
        if person is None:
            raise CommandError(f"There is no person named {options['name']}.")
        if options["deactivate"]:
            deactivate(person, by=COMMAND, now=timezone.now())
            self.stdout.write(f"{person.username} can no longer sign in or use a token.")
        else:
            replace_roles(person, options["role"], by=COMMAND, now=timezone.now())
            self.stdout.write(f"{person.username} has these roles now, and no others.")


def asked_twice() -> str:
    """The password, typed twice without being shown. Raises CommandError if the two differ or nobody is there to type."""
    if not sys.stdin.isatty():
        raise CommandError("There is no terminal to ask for a password: give it with --password-stdin.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise CommandError("The two passwords differ.")
    return password
