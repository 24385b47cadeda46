"""Every code that a rule of this package may give, once: how bad, what it means, where it comes from.

A code is Kiali's (KIA) or Istio's (IST) where the meaning is theirs, else ours (MP02xx). `sources` names everybody else who says
the same: the code that `istioctl analyze` gives for such an object (IST0106 is "istiod refuses it", IST0133 "istiod takes it and
warns"), Kiali's, or a numbered foot-gun (§) of this portal's own list in docs/findings.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from meshportal.mesh.findings import Severity

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
REFUSED, WARNED = "IST0106", "IST0133"


@dataclass(frozen=True)
class Code:
    """`severity` is that of the live mesh, `in_plan` that of a plan which brings it about. `meaning` is one line of English."""

    code: str
    severity: Severity
    meaning: str
    sources: tuple[str, ...] = ()
    planned: Severity | None = None

    @property
    def in_plan(self) -> Severity:
        return self.planned or self.severity


def _refused(code: str, meaning: str) -> Code:
    return Code(code, ERROR, meaning, (REFUSED,))


def _warned(code: str, meaning: str) -> Code:
    return Code(code, WARNING, meaning, (WARNED,))


_REFERENCES = (
    Code("KIA0005", WARNING, "exportTo names a namespace that is not there"),
    Code("KIA1101", ERROR, "A route goes to a host that is in no registry", ("IST0101",)),
    Code("KIA1102", ERROR, "A VirtualService names a Gateway that is not there", ("IST0101",)),
    Code("KIA1107", WARNING, "A route goes to a subset that no DestinationRule has", ("IST0101", "§1", "§2"), planned=ERROR),
    Code("IST0101", ERROR, "A route goes to a port that the host does not have"),
    Code("IST0112", ERROR, "A route goes to a host with several ports and names none"),
    Code("IST0132", WARNING, "None of a VirtualService's hosts is among those of its Gateway", ("§14",)),
    Code("IST0165", WARNING, "A VirtualService names a Gateway that Istio makes by itself from the Gateway API"),
)
_ROUTES = (
    Code("IST0109", ERROR, "Several VirtualServices route one host inside the mesh", ("KIA1106", "§5")),
    Code("KIA1106", WARNING, "Several VirtualServices route one host at one Gateway"),
    Code("KIA1104", WARNING, "A weight on the only destination of a route has no effect"),
    Code("KIA1105", WARNING, "A route names one host and subset twice"),
    Code("IST0130", WARNING, "A route is never reached"),
    Code("IST0131", INFO, "A match repeats or lies within an earlier one"),
    Code("IST0140", WARNING, "Subset routes of another VirtualService do not hold for requests of a gateway", ("§14",)),
    Code("IST0002", WARNING, "A field is deprecated"),
    Code("MP0202", ERROR, "A route sends requests to a subset none of whose pods is ready", ("§3",)),
    Code("MP0203", WARNING, "Weights do not add up to 100"),
    Code("MP0204", WARNING, "A short host means another namespace than that of the only service of this name", ("§6",)),
    Code("MP0207", WARNING, "All tries together last longer than the timeout", ("§8",)),
    Code("MP0208", INFO, "Retries repeat requests that may not be repeatable", ("§8",)),
    Code("MP0262", WARNING, "HTTP routes go to a port that Istio takes for another protocol", ("§13",)),
    Code("MP0264", INFO, "Only some namespaces see the object", ("§15",)),
    Code("MP0265", INFO, "Routes and subsets do little for a headless or ExternalName service", ("§18",)),
    Code("MP0266", INFO, "Something else writes the object too", ("§19",), planned=WARNING),
    Code("MP0270", WARNING, "A route is never reached, for an earlier one takes more than it asks for"),
    Code("MP0269", WARNING, "Requests that no route takes get 404"),
)
_DESTINATIONS = (
    Code("KIA0201", WARNING, "Several DestinationRules define one subset of a host, or all of the host"),
    Code("KIA0202", WARNING, "The host of a DestinationRule is in no registry", ("IST0174",)),
    Code("KIA0203", WARNING, "A subset selects no pods", ("IST0173",)),
    Code("KIA0209", WARNING, "A subset has no labels"),
    Code("IST0128", WARNING, "TLS without a CA: the server's certificate is not verified"),
    Code("IST0129", WARNING, "TLS of a port without a CA: the server's certificate is not verified"),
    Code("MP0205", WARNING, "A DestinationRule lies in a namespace where nobody looks for it", ("§7",)),
    Code("MP0206", WARNING, "A DestinationRule of a client namespace hides that of the service's namespace", ("§7",)),
    Code("MP0209", INFO, "Settings of a port replace those above it", ("§11",)),
    Code("MP0260", WARNING, "Outlier detection may eject every endpoint", ("§12",)),
    Code("MP0268", WARNING, "Outlier detection may eject no endpoint at all", ("§12",)),
    Code("MP0261", INFO, "Limits of a connection pool hold for each client proxy alone", ("§12",)),
)
_GATEWAYS = (
    Code("IST0138", WARNING, "Two Gateways of the same proxies serve one certificate"),
    Code("IST0145", ERROR, "Two Gateways of the same proxies claim one host and port", ("KIA0301",)),
    Code("KIA0301", WARNING, "Hosts of two Gateways of the same proxies overlap on one port"),
    Code("KIA0302", WARNING, "The selector of a Gateway matches no pods", ("IST0101",)),
)
_REFUSALS = (
    _refused("MP0210", "A value is no duration that Istio takes"),
    _refused("MP0211", "A number is out of range"),
    _refused("MP0212", "Two fields exclude each other"),
    _refused("MP0213", "A field is missing"),
    _refused("MP0214", "A match on an empty string"),
    _refused("MP0215", "A regular expression is longer than 1024 bytes"),
    _refused("MP0216", "A regular expression is not RE2"),
    _refused("MP0217", "A name is no header that may stand there"),
    _refused("MP0218", "A value may not be that of a header"),
    _refused("MP0219", "All weights of a route are 0"),
    _refused("MP0220", "A value is no host name"),
    _refused("MP0221", "Hosts of a VirtualService are the same or overlap"),
    _refused("MP0222", "Host * inside the mesh"),
    _refused("MP0223", "A name is no DNS label"),
    _refused("MP0224", "Retries are off and yet described"),
    _refused("MP0225", "Unknown reason to retry"),
    _refused("MP0226", "A value is not one of those that Istio knows"),
    _refused("MP0227", "A field that Istio does not support"),
    _refused("MP0228", "A VirtualService without hosts, a delegate, may have HTTP routes alone"),
    _refused("MP0229", "A match on a JWT's claim outside a gateway"),
    _refused("MP0230", "exportTo contradicts itself or the object"),
    _refused("MP0231", "Two subsets of one name"),
    _refused("MP0232", "consecutiveLocalOriginFailures without splitExternalLocalOriginErrors"),
    _refused("MP0233", "An empty block that needs at least one field"),
    _refused("MP0234", "A Maglev table whose size is no prime below 5000011"),
    _refused("MP0235", "Locality weights do not add up to 100"),
    _refused("MP0236", "Locality settings contradict each other"),
    _refused("MP0237", "TLS fields for the mode that excludes them"),
    _refused("MP0238", "Two servers of a Gateway with one port name"),
    _refused("MP0239", "TLS settings do not fit the protocol of a Gateway's port"),
    _refused("MP0241", "An SNI host that is not among the hosts"),
    _refused("MP0242", "A label that Kubernetes would not take"),
    _refused("MP0243", "A direct response larger than 1 MiB"),
    _refused("MP0244", "The authority is set more than once"),
)
_WARNINGS = (
    Code("KIA1108", INFO, "A Gateway is named by the old dotted form", (WARNED,)),
    _warned("MP0250", "A field that Istio takes but calls deprecated"),
    Code("MP0252", WARNING, "An abort without a status aborts nothing"),
    Code("MP0267", WARNING, "A fault without a percentage is for nobody"),
    _warned("MP0253", "A direct response larger than 100 KiB"),
    _warned("MP0254", "TLS ciphers or versions that Istio ignores or that do not fit"),
    _warned("MP0255", "httpsRedirect on a server that is not HTTP"),
    _warned("MP0256", "Failover without outlier detection never happens"),
    _warned("MP0257", "Certificates of a server that passes TLS through are ignored"),
)
_UNKNOWN = (Code("MP0200", INFO, "Services and pods are not known, so not every rule could speak"),)

CODES = {
    code.code: code
    for group in (_UNKNOWN, _REFERENCES, _ROUTES, _DESTINATIONS, _GATEWAYS, _REFUSALS, _WARNINGS)
    for code in group
}

NOT_COVERED = {
    "KIA0204–KIA0208, KIA0401–KIA0506": "mutual TLS: the mTLS form looks at PeerAuthentications and DestinationRules together",
    "KIA0210–KIA0212, KIA1109–KIA1117": "ambient mode: the portal knows sidecars and has no facts of waypoints",
    "IST0149": "needs RequestAuthentication objects, which the portal does not read; refused outside gateways (MP0229)",
    "IST0161, IST0101 for credentialName": "needs Secrets, which the portal never reads",
    "IST0162": "needs target ports of Services, which the portal's inventory leaves out",
    "IST0118": "is about a Service alone; MP0262 says it where HTTP routes meet such a port",
    "§15 for Sidecar objects": "which hosts a Sidecar hides from its clients is not worked out; MP0264 speaks of exportTo",
    "unknown fields": "the API server refuses them in the dry-run (fieldValidation=Strict)",
}
"""Codes on VirtualService, DestinationRule and Gateway that no rule gives, and why."""


def istio_codes(codes: Iterable[str]) -> set[str]:
    """What `istioctl analyze` says where we say `codes`."""
    found: set[str] = set()
    for code in codes:
        found |= {name for name in (code, *CODES[code].sources) if name.startswith("IST")}
    return found
