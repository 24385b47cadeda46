"""What the board says, in words: pure functions from the snapshot's values to sentences in the reader's language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meshportal.mesh.snapshot import ServiceNow, State, Why
from meshportal.web.words import amount, clock, number

STRONG = '<b class="mp-strong">{}</b>'


def verdict(services: Sequence[ServiceNow]) -> str:
    """The answer to "is the mesh well?". Only services with evidence count as well."""
    count = Counter(service.state for service in services)
    failing, warning, unknown = count[State.FAIL], count[State.WARN], count[State.UNKNOWN]
    fails = ngettext("%(count)d service is failing", "%(count)d services are failing", failing) % {"count": failing}
    if failing and warning:
        needs = ngettext("%(count)d needs attention", "%(count)d need attention", warning) % {"count": warning}
        return _("%(failing)s and %(warning)s") % {"failing": fails, "warning": needs}
    if failing:
        return fails
    if warning:
        return ngettext("%(count)d service needs attention", "%(count)d services need attention", warning) % {"count": warning}
    if unknown:
        return ngettext("%(count)d service is unknown", "%(count)d services are unknown", unknown) % {"count": unknown}
    if not services:
        return _("No services yet")
    return ngettext("The only service is OK", "All %(count)d services are OK", len(services)) % {"count": len(services)}


def verdict_facts(services: Sequence[ServiceNow], cluster: str) -> str:
    """One line under the verdict: "41 of 44 services in prod-eu-1 are OK, 1 is unknown"."""
    count = Counter(service.state for service in services)
    values = {"ok": count[State.OK], "total": len(services), "cluster": cluster}
    well = ngettext(
        "%(ok)d of %(total)d service in %(cluster)s is OK", "%(ok)d of %(total)d services in %(cluster)s are OK", len(services)
    )
    unknown = count[State.UNKNOWN]
    if not unknown:
        return well % values
    rest = ngettext("%(count)d is unknown", "%(count)d are unknown", unknown) % {"count": unknown}
    return _("%(well)s, %(unknown)s") % {"well": well % values, "unknown": rest}


# ---------------------------------------------------------------- one service


def percent(value: float | None) -> str:
    """A percentage for a sentence: "5 %", "8.4 %", "0.02 %"; never rounded to 0 or to 100 where it is neither."""
    if value is None:
        return amount(None)
    if value == round(value):
        return amount(value, "%")
    digits = 1 if 0.1 <= value <= 99.9 else 2
    return amount(short_of_hundred(value, digits), "%", digits)


def short_of_hundred(value: float, digits: int) -> float:
    """`value` rounded, but 99.97 is not shown as 100.0: one plaintext request is not none."""
    shown = round(value, digits)
    return shown if shown < 100 or value >= 100 else 100 - float(f"1e-{digits}")


def _errors(service: ServiceNow) -> SafeString:
    values = {"value": format_html(STRONG, percent(service.value)), "limit": percent(service.limit), "code": service.worst_code}
    if service.worst_code:
        return format_html(_("{value} of requests fail with {code}. The limit is {limit}."), **values)
    return format_html(_("{value} of requests fail. The limit is {limit}."), **values)


def _latency(service: ServiceNow) -> SafeString:
    value = format_html(STRONG, amount(service.value, "ms"))
    return format_html(_("p95 latency is {value}. The limit is {limit}."), value=value, limit=amount(service.limit, "ms"))


def _no_ready_pods(service: ServiceNow) -> SafeString:
    total = service.pods_total or 0
    if not total:
        return format_html("{}", format_html(STRONG, _("It has no pods.")))
    rest = ngettext("The only pod is not ready.", "None of its %(count)d pods is ready.", total) % {"count": total}
    return format_html(STRONG, rest)


def _proxies(service: ServiceNow) -> SafeString:
    ready, total = service.value or 0, service.limit or service.envoys_total
    value = format_html(STRONG, _("%(ready)s of %(total)s") % {"ready": number(ready), "total": number(total)})
    return format_html(_("{value} Envoys are ready."), value=value)


def _out_of_sync(service: ServiceNow) -> SafeString:
    value = format_html(STRONG, out_of_sync(round(service.value or 0), round(service.limit or 0)))
    if not service.sync_reason:
        return format_html(_("{value}: the newest configuration is not confirmed."), value=value)
    return format_html(_("{value}: the newest configuration is refused. {reason}"), value=value, reason=service.sync_reason)


def out_of_sync(count: int, total: int) -> str:
    """In words: "1 of 2 proxies out of sync"."""
    values = {"count": count, "total": total}
    return ngettext("%(count)d of %(total)d proxy out of sync", "%(count)d of %(total)d proxies out of sync", total) % values


def _metrics_gone(service: ServiceNow) -> SafeString:
    return _no_data(_("Prometheus does not answer, so nobody can say how it is."))


def _inventory_gone(service: ServiceNow) -> SafeString:
    return _no_data(_("Kubernetes does not answer, so nobody can say how it is."))


def _not_seen(service: ServiceNow) -> SafeString:
    total = service.envoys_total
    rest = ngettext(
        "Its sidecar runs, but Prometheus has no series of it, not even 0.",
        "Its %(count)d sidecars run, but Prometheus has no series of them, not even 0.",
        total,
    )
    return _no_data(rest % {"count": total})


def _not_measured(service: ServiceNow) -> SafeString:
    return _no_data(_("Neither it nor any of its callers has a sidecar that counts requests."))


def _no_data(rest: str) -> SafeString:
    return format_html("{} {}", format_html(STRONG, _("No data.")), rest)


def _no_traffic(service: ServiceNow) -> SafeString:
    return format_html("{}", _("No requests in the last minutes; measured, not missing."))


def _within_limits(service: ServiceNow) -> SafeString:
    return format_html("{}", _("Within its limits."))


SENTENCES: dict[Why, Callable[[ServiceNow], SafeString]] = {
    Why.ERRORS: _errors,
    Why.LATENCY: _latency,
    Why.NO_READY_PODS: _no_ready_pods,
    Why.PROXIES: _proxies,
    Why.OUT_OF_SYNC: _out_of_sync,
    Why.METRICS_GONE: _metrics_gone,
    Why.INVENTORY_GONE: _inventory_gone,
    Why.NOT_SEEN: _not_seen,
    Why.NOT_MEASURED: _not_measured,
    Why.NO_TRAFFIC: _no_traffic,
    Why.WITHIN_LIMITS: _within_limits,
}


def sentence(service: ServiceNow) -> SafeString:
    """Why the service is in its state, with the value and its limit."""
    return SENTENCES[service.why](service)


def facts(service: ServiceNow) -> tuple[str, ...]:
    """The other numbers of a problem, without the one its sentence is about and without what was not measured."""
    found = []
    if service.per_second is not None:
        found.append(amount(service.per_second, _("req/s"), rate_digits(service.per_second)))
    if service.error_percent is not None and service.why != Why.ERRORS:
        found.append(_("errors %(percent)s") % {"percent": amount(service.error_percent, "%", 2)})
    if service.p95_ms is not None and service.why != Why.LATENCY:
        found.append(_("p95 %(latency)s") % {"latency": amount(service.p95_ms, "ms")})
    if service.mtls_percent is not None:
        found.append(_("mTLS %(percent)s") % {"percent": percent(service.mtls_percent)})
    found.append(pods(service))
    if service.out_of_sync and service.why != Why.OUT_OF_SYNC:
        found.append(out_of_sync(service.out_of_sync, service.envoys_total))
    if service.owner:
        found.append(_("owner %(owner)s") % {"owner": service.owner})
    return tuple(found)


def pods(service: ServiceNow) -> str:
    """In words: "4 of 4 pods ready"."""
    if service.pods_ready is None or service.pods_total is None:
        return _("pods unknown")
    values = {"ready": service.pods_ready, "total": service.pods_total}
    return ngettext("%(ready)d of %(total)d pod ready", "%(ready)d of %(total)d pods ready", service.pods_total) % values


def rate_digits(value: float) -> int:
    """Requests per second are whole numbers from ten up; below, a decimal tells 0.4 from 0."""
    return 0 if value >= 10 or value == 0 else 1


def versions_line(service: ServiceNow) -> str:
    """Measured share of each version of a split route, "v1 90.2 %, v2 9.8 % (configured 90/10)"; "" for any other route."""
    if not service.split or not service.versions:
        return ""
    rows = [version for version in service.versions if version.configured_percent or version.measured_percent]
    each = [
        _("%(version)s %(percent)s")
        % {"version": version_name(version.version), "percent": amount(version.measured_percent, "%", 1)}
        for version in rows
    ]
    measured = _(", ").join(each)
    weights = [version.configured_percent for version in rows]
    if any(weight is None for weight in weights):
        return measured
    configured = "/".join(f"{weight:g}" for weight in weights if weight is not None)
    return _("%(measured)s (configured %(configured)s)") % {"measured": measured, "configured": configured}


def version_name(version: str) -> str:
    """Istio calls pods without a version label "unknown", which would read like a state."""
    return _("no version") if version in {"", "unknown"} else version


def transition(service: ServiceNow) -> str:
    """What is spoken when a service enters its state."""
    spoken = {
        State.FAIL: _("%(service)s is failing"),
        State.WARN: _("%(service)s needs attention"),
        State.UNKNOWN: _("%(service)s is unknown"),
        State.OK: _("%(service)s is OK"),
    }
    return spoken[service.state] % {"service": service.name}


# ---------------------------------------------------------------- sources


def remark(silent: Iterable[str], last_look: float) -> str:
    """What the worst silent source makes unknown, "" when all answer. `last_look`: when the observer reported last."""
    sentences = {
        "observer": _("The observer does not report: everything below is as of %(time)s") % {"time": clock(last_look)},
        "prometheus": _("Prometheus does not answer: requests, errors, latency and mTLS are unknown"),
        "kubernetes": _("Kubernetes does not answer: pods and routes may have changed since"),
        "istiod": _("istiod does not answer: how many proxies are connected is unknown, all else is live"),
        "worker": _("The worker does not answer: approved changes wait, the numbers are live"),
    }
    names = set(silent)
    return next((words for name, words in sentences.items() if name in names), "")
