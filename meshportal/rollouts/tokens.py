"""The committed intent of a write: its row with a token, before anything is sent."""

from __future__ import annotations

import secrets
from datetime import datetime

from meshportal.rollouts.models import Rollout, Shift


def announce(rollout: Rollout, purpose: Shift.Purpose, step: int, weight: int, *, before: int | None, now: datetime) -> Shift:
    """The write of `weight` at `step`, announced once: one that was announced and of which nothing is known keeps its token."""
    same = rollout.shifts.filter(purpose=purpose, step=step)
    open_ = same.filter(state=Shift.State.INTENDED, weight=weight).order_by("-id").first()
    if open_ is not None:
        Shift.objects.filter(pk=open_.pk).update(epoch=rollout.epoch)
        open_.epoch = rollout.epoch
        return open_
    return Shift.objects.create(
        rollout=rollout,
        purpose=purpose,
        step=step,
        attempt=same.count(),
        weight=weight,
        token=secrets.token_hex(16),
        epoch=rollout.epoch,
        announced_at=now,
        before=before,
    )
