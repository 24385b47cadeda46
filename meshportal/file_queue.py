"""Celery's queue in a folder, for an installation without Redis: kombu's filesystem transport with files that appear whole.

kombu 5.6 opens a message under its final name and then writes it, so a worker that polls in between reads an empty file and ends
with "Unrecoverable error". Here a file gets its name when its content is complete.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):  # type: ignore[misc]  # kombu ships no types
    def _put(self, queue: str, payload: Any, **_: Any) -> None:
        """Add a message. Raises OSError where the folder cannot be written to."""
        name = f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"  # as kombu names it: readers take the oldest first
        folder = Path(self.data_folder_out)
        part = folder / f"{name}.part"  # no reader looks for this ending
        part.write_text(dumps(payload))
        part.rename(folder / name)

    def _get(self, queue: str) -> Any:
        """The oldest message. Raises queue.Empty."""
        try:
            return super()._get(queue)
        except ValueError:
            # cut short by a crash of the machine, and gone now; what it said is said again with the next tick
            raise Empty from None

    def _queue_bind(self, exchange: str, *binding: str) -> None:
        """Note which queue an exchange feeds. Its file is there, as an empty list, before anybody reads it."""
        table = self._exchange_file(exchange)
        if not table.exists():
            part = table.with_suffix(f".{uuid.uuid4()}")
            part.write_text("[]")
            with contextlib.suppress(FileExistsError):  # another process was faster
                os.link(part, table)
            part.unlink()
        super()._queue_bind(exchange, *binding)


class Transport(filesystem.Transport):  # type: ignore[misc]
    Channel = Channel
