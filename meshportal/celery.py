"""The Celery application: `celery -A meshportal worker`, `celery -A meshportal beat`."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshportal.settings")

app = Celery("meshportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def make_queue_folders() -> None:
    """The filesystem transport needs its folders to exist; with Redis there are none."""
    from django.conf import settings

    for key, value in settings.CELERY_BROKER_TRANSPORT_OPTIONS.items():
        if key.endswith(("folder_in", "folder_out", "folder")):
            Path(value).mkdir(parents=True, exist_ok=True)


make_queue_folders()
