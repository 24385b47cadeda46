"""Debian's Prometheus as a judge: started on a free port, fed by remote write so that even stale markers arrive bit by bit."""

from __future__ import annotations

import json
import shutil
import signal
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from meshportal.demo.processes import free_ports
from tests.servers import own_folder, running, wait_until

Series = tuple[Iterable[tuple[str, str]], Iterable[tuple[int, float]]]
"""Labels and samples (milliseconds, value) in order."""

_BATCH = 200


class Prometheus:
    def __init__(self, url: str) -> None:
        self.url = url
        self._http = urllib3.PoolManager(retries=False, timeout=30)

    def ready(self) -> bool:
        try:
            return self._http.request("GET", f"{self.url}/-/ready").status == 200
        except HTTPError:
            return False

    def write(self, series: Iterable[Series]) -> None:
        """Stores samples. https://prometheus.io/docs/concepts/remote_write_spec/"""
        messages = [_field(1, _time_series(*one)) for one in series]
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        for start in range(0, len(messages), _BATCH):
            body = _snappy(b"".join(messages[start : start + _BATCH]))
            response = self._http.request("POST", f"{self.url}/api/v1/write", body=body, headers=headers)
            assert response.status == 204, response.data

    def get(self, path: str, **params: str) -> tuple[int, Any]:
        """Status and JSON of an answer of its API."""
        response = self._http.request("POST", f"{self.url}{path}", fields=params, encode_multipart=False)
        return response.status, json.loads(response.data)

    def close(self) -> None:
        self._http.clear()


@contextmanager
def prometheus(config: str = "global: {}\n") -> Iterator[Prometheus]:
    """An empty Prometheus with `config` (its YAML)."""
    binary = shutil.which("prometheus")
    assert binary is not None
    with own_folder(None) as folder:
        (folder / "prometheus.yml").write_text(config)
        server = Prometheus(f"http://127.0.0.1:{free_ports(1)[0]}")
        command = [
            binary, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}", "--log.level=warn",
            f"--web.listen-address={server.url.removeprefix('http://')}", "--web.enable-remote-write-receiver",
        ]  # fmt: skip
        with running(command, folder=folder, user=None, stop=signal.SIGTERM) as check:
            try:
                wait_until(server.ready, check, "Prometheus")
                yield server
            finally:
                server.close()


def scraping(url: str, seconds: float) -> str:
    """A configuration that scrapes `url`/metrics and keeps the labels found there."""
    target, milliseconds = url.removeprefix("http://"), round(seconds * 1000)
    return (
        f"scrape_configs:\n- job_name: world\n  honor_labels: true\n  scrape_interval: {milliseconds}ms\n"
        f"  scrape_timeout: {milliseconds}ms\n  static_configs:\n  - targets: ['{target}']\n"
    )


# ---------------------------------------------------------------- protobuf and snappy, as far as a WriteRequest needs them


def _time_series(labels: Iterable[tuple[str, str]], samples: Iterable[tuple[int, float]]) -> bytes:
    label_messages = (_field(1, name.encode()) + _field(2, value.encode()) for name, value in sorted(labels))
    sample_messages = (b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(time) for time, value in samples)
    return b"".join([*(_field(1, message) for message in label_messages), *(_field(2, message) for message in sample_messages)])


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _snappy(content: bytes) -> bytes:
    """A valid snappy block that compresses nothing: the length and one literal."""
    return _varint(len(content)) + b"\xfc" + struct.pack("<I", len(content) - 1) + content
