"""The servers of one Gateway, changed in place: made where one is missing, shared where one fits, taken out when done with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.gateways.binding import (
    TLS_PROTOCOLS,
    covers,
    first_free,
    port_of,
    protocol_of,
    redirects,
    server_hosts,
    tls_of,
)
from meshportal.mesh.refs import ResourceRef

Server = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What a server has to be for some hosts."""

    port: int
    protocol: str
    tls_mode: str = ""
    credential: str = ""
    redirect: bool = False

    def meets(self, server: Mapping[str, Any]) -> bool:
        tls = tls_of(server)
        same_port = port_of(server) == self.port and protocol_of(server) == self.protocol
        if not same_port or redirects(server) != self.redirect:
            return False
        if self.protocol not in TLS_PROTOCOLS:
            return True
        return (tls.get("mode") or "", tls.get("credentialName") or "") == (self.tls_mode, self.credential)

    def server(self, hosts: Sequence[str], names: Sequence[str]) -> Server:
        """A new server; `names` are those of ports that the Gateway has already: each must be its own."""
        name = first_free(f"{self.protocol.lower()}-{self.port}", names)
        server: Server = {"port": {"number": self.port, "name": name, "protocol": self.protocol}, "hosts": list(hosts)}
        if self.redirect:
            server["tls"] = {"httpsRedirect": True}
        elif self.protocol in TLS_PROTOCOLS:
            server["tls"] = {"mode": self.tls_mode} | ({"credentialName": self.credential} if self.credential else {})
        return server


def ensure(servers: list[Server], gateway: ResourceRef, namespace: str, hosts: Sequence[str], wanted: Wanted) -> None:
    """Let every host, claimed by an object of `namespace`, be answered as wanted."""
    fitting = [server for server in servers if wanted.meets(server)]
    missing = [
        host
        for host in hosts
        if not any(covers(pattern, host) for server in fitting for pattern in server_hosts(server, gateway, namespace))
    ]
    if not missing:
        return
    for server in fitting:
        if not server.get("bind"):
            server["hosts"] = [*server.get("hosts", []), *missing]
            return
    names = [str((server.get("port") or {}).get("name", "")) for server in servers]
    servers.append(wanted.server(missing, names))


def serves_only(server: Mapping[str, Any], hosts: Sequence[str]) -> bool:
    """Whether a server is there for nobody but these hosts, so that it can be changed as it stands."""
    written = [str(host).rpartition("/")[2] for host in server.get("hosts") or []]
    return all(any(covers(host, one) for host in hosts) for one in written)


def change(server: Server, wanted: Wanted) -> None:
    """Make a server what is wanted; what it does not say of itself stays."""
    port = server.setdefault("port", {})
    if port_of(server) != wanted.port:
        port["number"] = wanted.port
    if protocol_of(server) != wanted.protocol:
        port["protocol"] = wanted.protocol
    if wanted.protocol not in TLS_PROTOCOLS:
        server.pop("tls", None)
        return
    tls = server.setdefault("tls", {})
    if (tls.get("mode") or "") != wanted.tls_mode:
        tls["mode"] = wanted.tls_mode
    if (tls.get("credentialName") or "") != wanted.credential:
        tls["credentialName"] = wanted.credential


def take_out(servers: list[Server], hosts: Sequence[str], only: Sequence[Server] | None = None) -> None:
    """Take hosts out of servers (all, or `only` these) that name exactly them, and servers out that have no host left."""
    for server in list(servers):
        if only is not None and not any(server is one for one in only):
            continue
        left = [written for written in server.get("hosts") or [] if str(written).rpartition("/")[2] not in hosts]
        if len(left) == len(server.get("hosts") or []):
            continue
        if left:
            server["hosts"] = left
        else:
            servers[:] = [other for other in servers if other is not server]
