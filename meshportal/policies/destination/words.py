"""A destination in plain words: titles, what changes, and remarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from django.utils.translation import gettext as _

from meshportal.mesh.destinations.fields import Raw, at
from meshportal.mesh.destinations.reading import read
from meshportal.mesh.findings import Finding
from meshportal.mesh.plans import Plan
from meshportal.policies.destination.labels import leaf_names, span
from meshportal.policies.findings import sentence as of_rule


def not_editable(why: str, names: str) -> str:
    """Why there is no one place for the settings, and what to do."""
    sentences = {
        "several-destination-rules": _(
            "More than one DestinationRule is for this service (%(names)s). "
            "Merge them first: which one holds is undefined. KIA0201"
        ),
        "name-taken": _("%(names)s is there already, for another host. Rename it first, or set this by hand."),
    }
    return sentences[why] % {"names": names}


def section_names() -> dict[str, str]:
    """Groups of the form in a sentence."""
    return {
        "subsets": _("subsets"),
        "load_balancer": _("load balancing"),
        "warmup": _("warm-up"),
        "locality": _("regions and zones"),
        "connection_pool": _("connections"),
        "outlier_detection": _("failing pods"),
    }


def title(service: str, asked: Raw, now: Raw) -> str:
    """One line for lists: what it does where it does one thing, else the sections it touches."""
    changed = [name for name in section_names() if asked[name] != now[name]]
    before, after = ([row["name"] for row in raw["subsets"]] for raw in (now, asked))
    added = [name for name in after if name not in before]
    if changed == ["subsets"] and len(added) == 1 and len(after) == len(before) + 1:
        return _("Add subset %(subset)s to %(service)s") % {"subset": added[0], "service": service}
    if changed == ["outlier_detection"] and not at(now, "outlier_detection.on"):
        return _("Take failing pods of %(service)s out") % {"service": service}
    what = _(", ").join(name for section, name in section_names().items() if section in changed)
    return _("Set how requests reach %(service)s: %(what)s") % {"service": service, "what": what}


def plain_words(plan: Plan) -> list[str]:
    """What the change does, for somebody who does not read YAML: only what differs, the weightiest first."""
    item = plan.items[0]
    asked, now = read(item.after), read(item.before)
    told: list[tuple[tuple[str, ...], Callable[[Raw, Raw], Iterator[str]]]] = [
        (("outlier_detection",), _outliers),
        (("load_balancer",), _balancing),
        (("connection_pool",), _pool),
        (("warmup",), _warmup),
        (("locality",), _locality),
        (("subsets",), _subsets),
    ]
    sentences = [
        sentence for groups, say in told if any(asked[name] != now[name] for name in groups) for sentence in say(asked, now)
    ]
    if item.before is None:
        sentences.append(_("A new DestinationRule %(name)s is created.") % {"name": item.ref.name})
    return sentences


# ---------------------------------------------------------------- failing pods


def _outliers(asked: Raw, now: Raw) -> Iterator[str]:
    if not at(asked, "outlier_detection.on"):
        yield _("No pod is taken out for its errors any more.")
        return
    settings: Mapping[str, str] = asked["outlier_detection"]
    # what is not set is Envoy's: 5 errors, 30 s, 10 %
    errors, gateway = settings["consecutive_5xx_errors"] or "5", settings["consecutive_gateway_errors"] or "0"
    values = {
        "errors": errors,
        "gateway": gateway,
        "time": span(settings["base_ejection_time"] or "30s"),
        "most": _most(settings["max_ejection_percent"] or "10"),
    }
    sentences = {
        (True, True): _(
            "A pod that fails %(errors)s times in a row, or %(gateway)s times as a gateway does (502, 503, 504), "
            "gets no requests for %(time)s; %(most)s."
        ),
        (True, False): _("A pod that fails %(errors)s times in a row gets no requests for %(time)s; %(most)s."),
        (False, True): _(
            "A pod that answers %(gateway)s times in a row with 502, 503 or 504 gets no requests for %(time)s; %(most)s."
        ),
        (False, False): _("No pod is taken out for its answers: both counts of errors are 0, which is off."),
    }
    yield sentences[errors != "0", gateway != "0"] % values
    if settings["interval"]:
        yield _("Whether a pod may come back is looked at every %(time)s.") % {"time": span(settings["interval"])}
    if settings["min_health_percent"] not in ("", "0"):
        percent = settings["min_health_percent"]
        yield _("When fewer than %(percent)s %% of the pods are healthy, requests go to all of them.") % {"percent": percent}
    if at(now, "outlier_detection.consecutive_errors") and not settings["consecutive_errors"]:
        yield _("The deprecated count of errors, which Istio no longer follows, goes.")


def _most(percent: str) -> str:
    """How many pods may be out at once, as the end of a sentence."""
    words = {"100": _("all pods may be taken out at once"), "50": _("at most half of the pods may be taken out")}
    return words.get(percent) or _("at most %(percent)s %% of the pods may be taken out") % {"percent": percent}


# ---------------------------------------------------------------- load balancing


def _balancing(asked: Raw, now: Raw) -> Iterator[str]:
    settings: Mapping[str, str] = asked["load_balancer"]
    values = {
        "header": settings["header"],
        "parameter": settings["query_parameter"],
        "cookie": settings["cookie_name"],
        "time": span(settings["cookie_ttl"]),
    }
    given = {
        "": _("Requests with the same cookie %(cookie)s go to the same pod; a caller without it goes to any pod."),
        "0s": _("Requests with the same cookie %(cookie)s go to the same pod; a caller without it is given one for the session."),
    }
    sentences = {
        "": _("Each request goes to the pod with the fewest open requests, which is Istio's own choice."),
        "least_request": _("Each request goes to the pod with the fewest open requests."),
        "round_robin": _("Requests go to the pods in turn."),
        "random": _("Each request goes to any pod."),
        "header": _("Requests with the same header %(header)s go to the same pod, as long as the pods stay the same."),
        "source_ip": _("Requests from the same address go to the same pod, as long as the pods stay the same."),
        "query_parameter": _(
            "Requests with the same query parameter %(parameter)s go to the same pod, as long as the pods stay the same."
        ),
        "cookie": given.get(
            settings["cookie_ttl"],
            _("Requests with the same cookie %(cookie)s go to the same pod; a caller without it is given one for %(time)s."),
        ),
    }
    if sentence := sentences.get(settings["how"]):
        yield sentence % values


def _warmup(asked: Raw, now: Raw) -> Iterator[str]:
    settings: Mapping[str, str] = asked["warmup"]
    if not settings["duration"]:
        yield _("A new pod gets its full share of requests at once.")
        return
    yield _("A new pod starts with %(percent)s %% of its share of requests and has all of it after %(time)s.") % {
        "percent": settings["minimum_percent"] or "10",
        "time": span(settings["duration"]),
    }


def _locality(asked: Raw, now: Raw) -> Iterator[str]:
    settings = asked["locality"]
    if settings["enabled"] == "false":
        yield _("Regions and zones play no part for this service.")
    elif not any(settings.values()):
        yield _("Regions and zones count as the mesh has it for every service.")
    for row in settings["failover"]:
        yield _("When pods in %(here)s fail, requests from there go to %(there)s.") % {"here": row["from"], "there": row["to"]}
    for row in settings["distribute"]:
        shares = row["to"].replace("=", " ").replace(",", " %,") + " %"
        yield _("Requests from %(here)s go to %(shares)s.") % {"here": row["from"], "shares": shares}


# ---------------------------------------------------------------- connections


def _pool(asked: Raw, now: Raw) -> Iterator[str]:
    tcp, http = "connection_pool.tcp.", "connection_pool.http."
    sentences = {
        f"{tcp}max_connections": _("Each calling proxy opens at most %(value)s connections."),
        f"{tcp}connect_timeout": _("A connection that is not there after %(value)s has failed."),
        f"{tcp}idle_timeout": _("A TCP connection without traffic for %(value)s is closed."),
        f"{http}http1_max_pending_requests": _(
            "At most %(value)s requests of a calling proxy wait for a connection; the next one fails at once (503)."
        ),
        f"{http}http2_max_requests": _(
            "At most %(value)s requests of a calling proxy are open; the next one fails at once (503)."
        ),
        f"{http}max_requests_per_connection": _("A connection is closed after %(value)s requests."),
        f"{http}max_retries": _("At most %(value)s retries of a calling proxy are under way at once."),
        f"{http}idle_timeout": _("An HTTP connection without requests for %(value)s is closed."),
    }
    names = leaf_names()
    for path, sentence in sentences.items():
        value = at(asked, path)
        if value == at(now, path):
            continue
        if not value:
            yield _("%(field)s: not set any more, so that Istio's own value holds.") % {"field": names[path]}
        elif value in {"0", "0s"}:
            yield _("%(field)s: no limit.") % {"field": names[path]}
        else:
            yield sentence % {"value": value if value.isdecimal() else span(value)}


# ---------------------------------------------------------------- subsets


def _subsets(asked: Raw, now: Raw) -> Iterator[str]:
    before, after = ({row["name"]: row["labels"] for row in raw["subsets"]} for raw in (now, asked))
    for name, labels in after.items():
        values = {"subset": name, "labels": labels}
        if name not in before:
            yield (
                _("A new subset %(subset)s has the pods with %(labels)s.")
                if labels
                else _("A new subset %(subset)s has all pods.")
            ) % values
        elif labels != before[name]:
            yield (
                _("Subset %(subset)s has the pods with %(labels)s.") if labels else _("Subset %(subset)s has all pods.")
            ) % values
    for name in before:
        if name not in after:
            yield _("Subset %(subset)s is removed: no route may name it any more.") % {"subset": name}
    if before == after:
        yield _("The order of the subsets changes, which means nothing to Istio.")


# ---------------------------------------------------------------- remarks


def finding_sentence(finding: Finding) -> tuple[str, str]:
    """A finding, and what to do about it."""
    sentences = {
        "MP0101": (_("This is what is live already: nothing would change."), _("Change a field.")),
        "MP0601": (
            _("A warm-up does nothing with this way to choose a pod."),
            _("Choose the fewest open requests or the next pod in turn, or clear the warm-up."),
        ),
        "MP0602": (
            _(
                "%(object)s is for %(host)s and covers this service too. "
                "Where a rule names the host exactly, only that one holds."
            ),
            _("Repeat here what this service still needs of it."),
        ),
        "MP0603": (
            _("Some have settings of their own here, which hold instead of these, not beside them: %(places)s."),
            _("Change those by hand if they should follow."),
        ),
    }
    if finding.code not in sentences:
        return of_rule(finding)
    sentence, remedy = sentences[finding.code]
    values = (
        {"places": places(finding.values["subsets"], finding.values["ports"])} if finding.code == "MP0603" else finding.values
    )
    return sentence % values, remedy


def places(subsets: Iterable[str], ports: Iterable[str]) -> str:
    """Subsets and ports by name."""
    named = [_("subset %(name)s") % {"name": name} for name in subsets]
    return _(", ").join([*named, *(_("port %(number)s") % {"number": number} for number in ports)])
