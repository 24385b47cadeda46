"""The queue in a folder, with writers and a reader in processes of their own, as the web and the worker are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import kombu

MESSAGES, WRITERS = 400, 3
WRITER = """
import sys, kombu
from tests.test_file_queue import connect
with connect(sys.argv[1]) as connection:
    producer = connection.Producer()
    for number in range(int(sys.argv[3])):
        producer.publish({"from": sys.argv[2], "number": number}, routing_key="work", declare=[kombu.Queue("work")])
"""


def connect(folder: Path | str) -> Any:
    options = {
        "data_folder_in": f"{folder}/messages",
        "data_folder_out": f"{folder}/messages",
        "control_folder": f"{folder}/control",
    }
    return kombu.Connection("filesystem://localhost", transport="meshportal.file_queue:Transport", transport_options=options)


def test_a_reader_gets_every_message_whole_while_others_write(tmp_path: Path) -> None:
    for name in ("messages", "control"):
        (tmp_path / name).mkdir()
    root = Path(__file__).resolve().parent.parent
    commands = [[sys.executable, "-c", WRITER, str(tmp_path), str(number), str(MESSAGES)] for number in range(WRITERS)]
    writers = [subprocess.Popen(command, cwd=root) for command in commands]
    got: list[dict[str, Any]] = []
    try:
        with connect(tmp_path) as connection, connection.channel() as channel:
            queue = kombu.Queue("work", channel=channel)
            queue.declare()
            while len(got) < MESSAGES * WRITERS:
                if message := queue.get(no_ack=True):
                    got.append(message.payload)
                elif all(writer.poll() is not None for writer in writers) and not any((tmp_path / "messages").iterdir()):
                    break
        assert [writer.wait(20) for writer in writers] == [0] * WRITERS
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    assert sorted((item["from"], item["number"]) for item in got) == [
        (str(writer), number) for writer in range(WRITERS) for number in range(MESSAGES)
    ]


def test_a_message_that_a_crash_cut_short_is_passed_over(tmp_path: Path) -> None:
    for name in ("messages", "control"):
        (tmp_path / name).mkdir()
    with connect(tmp_path) as connection, connection.channel() as channel:
        queue = kombu.Queue("work", channel=channel)
        queue.declare()
        (tmp_path / "messages" / "0_cut.work.msg").touch()
        connection.Producer().publish({"number": 1}, routing_key="work")
        assert queue.get(no_ack=True) is None
        message = queue.get(no_ack=True)
        assert message is not None
        assert message.payload == {"number": 1}
