"""The Celery application: `celery -A meshportal worker`, `celery -A meshportal beat`."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery
from celery.signals import beat_embedded_init

from meshportal.clients.processes import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshportal.settings")

app = Celery("meshportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@beat_embedded_init.connect
def end_with_the_worker(**_: object) -> None:
    """A beat inside a worker (-B) is a process of its own: without this it outlives a worker that was killed, and ticks on."""
    die_with_parent()


def make_queue_folders() -> None:
    """The filesystem transport needs its folders to exist; with Redis there are none."""
    from django.conf import settings

    for key, value in settings.CELERY_BROKER_TRANSPORT_OPTIONS.items():
        if key.endswith(("folder_in", "folder_out", "folder")):
            Path(value).mkdir(parents=True, exist_ok=True)


make_queue_folders()
