"""The web process: Django, and beside it the stream endpoint, which is handed who may see what and where frames come from."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshportal.settings")

from django.core.asgi import get_asgi_application

django = get_asgi_application()

import meshportal.celery  # noqa: E402,F401  makes `task.delay` know its broker
from meshportal.board.frames import authenticate, frames  # noqa: E402
from meshportal.web.stream import StreamEndpoint  # noqa: E402

application = StreamEndpoint("/stream/", django, authenticate=authenticate, frames=frames)
