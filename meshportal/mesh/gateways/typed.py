"""From what was typed or sent to a GatewayIntent, or to every reason why not.

A row that came from a live one keeps what it does not name, and what it leaves as it is is not judged: the mesh already has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from meshportal.mesh.facts import Facts
from meshportal.mesh.field_errors import FieldError
from meshportal.mesh.gateways import values
from meshportal.mesh.gateways.binding import TLS_PROTOCOLS, in_mesh_too, labels_in, spec_of
from meshportal.mesh.gateways.conflicts import conflicts
from meshportal.mesh.gateways.defaults import with_defaults
from meshportal.mesh.gateways.intent import Exposure, GatewayIntent, Path
from meshportal.mesh.gateways.reading import LiveExposure, exposures, origin_values
from meshportal.mesh.gateways.values import Wrong
from meshportal.mesh.origins import find
from meshportal.mesh.refs import GATEWAY, ResourceRef, ServiceRef

FIELDS = ("gateway", "workload", "hosts", "port", "protocol", "tls_mode", "credential", "redirect", "target_port", "rewrite")
ROW = frozenset({"origin", "paths", *FIELDS})
MAX_ROWS = 50
PROTOCOLS = ("HTTP", "HTTPS")
TLS_MODES = ("SIMPLE", "MUTUAL")
HOWS = ("prefix", "exact")


def parse(raw: Mapping[str, Any], facts: Facts, service: ServiceRef) -> GatewayIntent | list[FieldError]:
    """`raw` is {"exposures": [row, …]}; without it everything stays."""
    live = exposures(facts, service)
    rows = raw.get("exposures", [dict(one.raw) for one in live])
    if unknown := sorted(str(key) for key in raw.keys() - {"exposures"}):
        return [FieldError(values.short(unknown[0]), "unknown-field", {"known": "exposures"})]
    if rows in ("", None):
        rows = []
    if not isinstance(rows, list) or len(rows) > MAX_ROWS:
        return [FieldError("exposures", "not-rows", {"limit": MAX_ROWS})]
    errors: list[FieldError] = []
    found: list[Exposure] = []
    for number, row in enumerate(rows):
        reader = _Row(f"exposures[{number}]", facts, service, live)
        exposure = reader.read(row)
        if exposure is not None:
            if exposure.live and any(other.live == exposure.live for other in found):
                reader.error("origin", "origin-twice")
            found.append(exposure)
        errors.extend(reader.errors)
    if not errors:
        errors = conflicts(facts, service, found)
    return errors or GatewayIntent(service, tuple(found))


class _Row:
    """Reads one row, and collects what is wrong with it."""

    def __init__(self, at: str, facts: Facts, service: ServiceRef, live: list[LiveExposure]) -> None:
        self.at, self.facts, self.service, self.rows = at, facts, service, live
        self.errors: list[FieldError] = []
        self.live: LiveExposure | None = None
        self.given: Mapping[str, Any] = {}

    def error(self, field: str, code: str, **said: Any) -> None:
        self.errors.append(FieldError(f"{self.at}.{field}" if field else self.at, code, said))

    def read(self, row: Any) -> Exposure | None:
        if not isinstance(row, Mapping):
            self.error("", "not-a-row")
            return None
        if unknown := sorted(str(key) for key in row.keys() - ROW):
            self.error(values.short(unknown[0]), "unknown-field", known=", ".join(sorted(ROW)))
        self.given = row
        if not self._find_live():
            return None
        if self.live is None:
            self.given = with_defaults(row, self.facts, self.service)
        gateway = self._gateway()
        workload = self._workload(gateway)
        protocol = self._value("protocol", lambda value: values.one_of(value, PROTOCOLS), "HTTP")
        exposure = Exposure(
            gateway=gateway,
            workload=workload,
            hosts=self._value("hosts", values.hosts, ()),
            port=self._value("port", values.port, 0),
            protocol=protocol,
            redirect=self._redirect(protocol),
            paths=self._paths(),
            target_port=self._target_port(),
            rewrite=self._value("rewrite", lambda value: values.path(value) if values.text(value) else "", ""),
            live=self.live,
            edited=frozenset(field for field in (*FIELDS, "paths") if self.live is None or not self._same(field)),
            **self._tls(protocol),
        )
        self._mesh_hosts(exposure)
        if not self.errors and not exposure.port and exposure.edited & {"gateway", "hosts", "protocol", "credential", "redirect"}:
            self.error("port", "port-missing")
        return None if self.errors else exposure

    def _find_live(self) -> bool:
        try:
            origin = values.text(self.given.get("origin"))
        except Wrong as wrong:
            self.error("origin", wrong.code, **wrong.values)
            return False
        if origin:
            place = find(origin, origin_values(self.facts, self.service))
            if place is None:
                self.error("origin", "origin-gone")
                return False
            self.live = self.rows[place]
        return True

    def _same(self, field: str) -> bool:
        """Whether a field of a live row is left as it is."""
        if self.live is None:
            return False
        if field not in self.given:
            return True
        if field == "paths":
            return self._paths_as_live()
        was: Any = self.live.raw[field]
        given = self.given[field]
        if field == "hosts" and isinstance(given, list | tuple):
            given = ", ".join(str(host) for host in given)
        try:
            return bool((values.truth(given) if field == "redirect" else values.text(given)) == was)
        except Wrong:
            return False

    def _value(self, field: str, parse: Callable[[Any], Any], nothing: Any) -> Any:
        """The value of a field; as it is live where it is left so, however odd. `nothing` stands in for a wrong one."""
        if self.live is not None and self._same(field):
            return self._live_value(field)
        try:
            return parse(self.given.get(field))
        except Wrong as wrong:
            self.error(field, wrong.code, **wrong.values)
            return nothing

    def _live_value(self, field: str) -> Any:
        was = self.live.raw[field] if self.live else ""
        if field == "hosts":
            return tuple(host for host in str(was).split(", ") if host)
        if field in ("port", "target_port"):
            return int(was) if was else (0 if field == "port" else None)
        return was

    def _gateway(self) -> ResourceRef | None:
        if self.live and self._same("gateway"):
            return self.live.gateway
        namespace, name = self._value("gateway", values.gateway_name, ("", ""))
        if not name:
            return None
        ref = ResourceRef(GATEWAY, namespace, name)
        if self.facts.get(ref) is None:
            known = ", ".join(f"{g['metadata'].get('namespace', '')}/{g['metadata']['name']}" for g in self.facts.of(GATEWAY))
            code = "no-such-gateway" if known else "no-gateways"
            self.error("gateway", code, typed=values.short(f"{namespace}/{name}"), known=known)
        return ref

    def _workload(self, gateway: ResourceRef | None) -> Mapping[str, str]:
        """The labels of the proxies: of an existing Gateway its own, which nobody changes here."""
        if gateway is not None:
            manifest = self.facts.get(gateway)
            return dict(spec_of(manifest).get("selector") or {}) if manifest else {}
        try:
            written = values.text(self.given.get("workload", self.live.raw["workload"] if self.live else ""))
            labels = labels_in(written)
        except Wrong as wrong:
            self.error("workload", wrong.code, **wrong.values)
            return {}
        if labels is None:
            self.error("workload", "not-labels", typed=values.short(written))
        elif not labels and not any(error.field == f"{self.at}.gateway" for error in self.errors):
            self.error("workload", "workload-missing")
        return labels or {}

    def _redirect(self, protocol: str) -> bool:
        redirect: bool = self._value("redirect", values.truth, False)
        if redirect and protocol not in TLS_PROTOCOLS and not (self._same("redirect") and self._same("protocol")):
            self.error("redirect", "redirect-without-tls")
        return redirect

    def _tls(self, protocol: str) -> dict[str, str]:
        """Mode and name of the certificate. The mode of a plain port is left out: a page sends one whatever the protocol is."""
        left = self.live is not None and all(self._same(field) for field in ("protocol", "tls_mode", "credential"))
        if left:
            return {"tls_mode": self._live_value("tls_mode"), "credential": self._live_value("credential")}
        credential: str = self._value("credential", values.credential, "")
        if protocol not in TLS_PROTOCOLS:
            # one that was there goes with the protocol that needed it
            if credential and not self._same("credential"):
                self.error("credential", "credential-without-tls")
            return {"tls_mode": "", "credential": ""}
        mode: str = self._value("tls_mode", self._mode, "") or "SIMPLE"
        if mode in TLS_MODES and not credential and not any(error.field.endswith(".credential") for error in self.errors):
            self.error("credential", "credential-missing")
        return {"tls_mode": mode, "credential": credential}

    @staticmethod
    def _mode(value: Any) -> str:
        written = values.text(value).upper() or "SIMPLE"
        if written in ("PASSTHROUGH", "AUTO_PASSTHROUGH"):
            raise Wrong("passthrough")
        return values.one_of(written, TLS_MODES)

    def _target_port(self) -> int | None:
        if self.live and self._same("target_port"):
            live: int | None = self._live_value("target_port")
            return live
        known = self.facts.service(self.service)
        numbers = [port.number for port in known.ports] if known else []
        try:
            if not values.text(self.given.get("target_port")):
                if len(numbers) > 1:
                    raise Wrong("target-port-missing", known=", ".join(map(str, numbers)))
                return numbers[0] if numbers and not self.live else None
            number = values.port(self.given.get("target_port"))
            if numbers and number not in numbers:
                raise Wrong("no-such-port", typed=number, known=", ".join(map(str, numbers)))
        except Wrong as wrong:
            self.error("target_port", wrong.code, **wrong.values)
            return None
        return number

    def _mesh_hosts(self, exposure: Exposure) -> None:
        """A VirtualService that sidecars follow too may not be for every host (Istio's webhook)."""
        manifest = self.facts.get(self.live.virtual_service) if self.live else None
        if manifest and "hosts" in exposure.edited and "*" in exposure.hosts and in_mesh_too(manifest):
            self.error("hosts", "any-host-in-mesh")

    # ------------------------------------------------------------ paths

    def _live_matches(self) -> list[Any]:
        manifest = self.facts.get(self.live.virtual_service) if self.live else None
        return list(spec_of(manifest)["http"][self.live.place].get("match") or []) if manifest and self.live else []

    def _paths_as_live(self) -> bool:
        given, was = self.given["paths"], self.live.raw["paths"] if self.live else []
        if given in ("", None):
            given = []
        if not isinstance(given, list) or len(given) != len(was):
            return False
        return all(isinstance(new, Mapping) and {**old, **new} == old for new, old in zip(given, was, strict=True))

    def _paths(self) -> tuple[Path, ...]:
        if self.live and self._same("paths"):
            return tuple(Path(row["how"], row["path"], row["origin"]) for row in self.live.raw["paths"])
        rows = self.given.get("paths")
        if rows in ("", None):
            return ()
        if not isinstance(rows, list) or len(rows) > MAX_ROWS:
            self.error("paths", "not-rows", limit=MAX_ROWS)
            return ()
        found: list[Path] = []
        for number, row in enumerate(rows):
            path = self._path(f"paths[{number}]", row)
            if path is None:
                continue
            if any(path.covering == other.covering and not (path.origin and other.origin) for other in found):
                self.error(f"paths[{number}].path", "path-twice", path=path.path)
            found.append(path)
        return tuple(found)

    def _path(self, at: str, row: Any) -> Path | None:
        if not isinstance(row, Mapping):
            self.error(at, "not-a-row")
            return None
        if unknown := sorted(str(key) for key in row.keys() - {"origin", "how", "path"}):
            self.error(f"{at}.{values.short(unknown[0])}", "unknown-field", known="how, origin, path")
        field = "origin"
        try:
            origin, was = values.text(row.get("origin")), {"how": "prefix", "path": ""}
            if origin:
                place = find(origin, self._live_matches())
                if place is None or self.live is None:
                    raise Wrong("origin-gone")
                was = self.live.raw["paths"][place]
                if {**was, **row} == was:
                    return Path(was["how"], was["path"], origin)
            field = "how"
            how = values.text(row.get("how", was["how"])).lower()
            if how not in HOWS and how != was["how"]:
                raise Wrong("not-offered", typed=values.short(how), known=", ".join(HOWS))
            field = "path"
            if how in ("any", "regex"):
                if values.text(row.get("path", was["path"])) != was["path"]:
                    raise Wrong("path-not-editable")
                return Path(how, was["path"], origin)
            return Path(how, values.path(row.get("path", was["path"])), origin)
        except Wrong as wrong:
            self.error(f"{at}.{field}", wrong.code, **wrong.values)
            return None
