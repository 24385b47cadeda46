"""A Prometheus of the machine, as one more process of the data plane."""

from __future__ import annotations

import shutil

from tools.realmesh.kubectl import fetch
from tools.realmesh.processes import Failed, Processes, free_ports


def program() -> str:
    """Raises Failed when there is none."""
    found = shutil.which("prometheus")
    if found is None:
        raise Failed("There is no Prometheus on this machine. Debian: sudo apt-get install prometheus")
    return found


def start(processes: Processes, config: str) -> str:
    """Start an empty one with `config` (its YAML) and wait for it. Returns its address. Raises Failed."""
    home = processes.folder / "prometheus"
    home.mkdir(exist_ok=True)
    (home / "prometheus.yml").write_text(config)
    address = f"127.0.0.1:{free_ports(1)[0]}"
    processes.start("prometheus", [
        program(), "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn",
        f"--web.listen-address={address}",
    ], cwd=home)  # fmt: skip
    processes.wait("prometheus", lambda: fetch(f"http://{address}/-/ready") is not None)
    return f"http://{address}"
