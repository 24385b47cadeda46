"""At most so many wrong passwords for one name from one address: guessing takes longer than anybody has.

Kept in the database, because several web processes must count together.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from meshportal.accounts.models import SignInFailure

LIMIT = 10
WINDOW = timedelta(minutes=5)


class TooManyFailures(Exception):
    """Refused without looking at the password. `until` is when the next try is looked at."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"refused until {until.isoformat()}")
        self.until = until


def begin(username: str, address: str, now: datetime) -> SignInFailure:
    """Count a try before the password is looked at, as failed until `succeeded`. Raises TooManyFailures.

    Counting first means that many tries at the same time cannot all pass the check. A refused try is not counted, so that who
    waits is let in.
    """
    SignInFailure.objects.filter(at__lte=now - WINDOW).delete()
    mine = SignInFailure.objects.create(username=username.casefold()[:150], address=address, at=now)
    earlier = SignInFailure.objects.filter(username=mine.username, address=address, pk__lt=mine.pk).order_by("-pk")[:LIMIT]
    tries = list(earlier)
    if len(tries) >= LIMIT:
        mine.delete()
        raise TooManyFailures(tries[-1].at + WINDOW)
    return mine


def succeeded(attempt: SignInFailure) -> None:
    """The password was right: forget the failures of this name from this address."""
    SignInFailure.objects.filter(username=attempt.username, address=attempt.address).delete()
