"""`manage.py person`: create somebody who can sign in."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from meshportal.accounts.people import Grant, PersonExists, create_person
from meshportal.audit.models import AuditEvent
from meshportal.audit.services import Actor

COMMAND = Actor(None, "manage.py person", AuditEvent.Via.COMMAND)


def grant(text: str) -> Grant:
    try:
        return Grant.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


class Command(BaseCommand):
    help = "Create a person. Asks for their password; there is no default one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what they sign in with")
        parser.add_argument(
            "--role", type=grant, action="append", default=[], metavar="ROLE[:CLUSTER[/NAMESPACE]]",
            help="viewer, operator, approver, responder or admin, and where (default: everywhere); may be given several times",
        )  # fmt: skip
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input, one line")

    def handle(self, *args: Any, **options: Any) -> None:
        password = sys.stdin.readline().rstrip("\n") if options["password_stdin"] else asked_twice()
        try:
            create_person(options["name"], password, options["role"], by=COMMAND, now=timezone.now())
        except PersonExists as error:
            raise CommandError(f"{error}.") from None
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"{options['name']} can sign in.")


def asked_twice() -> str:
    """The password, typed twice without being shown. Raises CommandError if the two differ or nobody is there to type."""
    if not sys.stdin.isatty():
        raise CommandError("There is no terminal to ask for a password: give it with --password-stdin.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise CommandError("The two passwords differ.")
    return password
