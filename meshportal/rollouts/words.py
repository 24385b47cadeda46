"""A canary in words: what holds it, what was measured, and why. Every code that the engine writes has its sentence here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from meshportal.mesh.rollouts.leaves import plain
from meshportal.rollouts.asking_words import rate
from meshportal.web.words import NBSP, number

Values = Mapping[str, Any]

ANSWERS = {"PASS": "OK", "FAIL": "FAIL", "CONTINUE": "UNKNOWN", "UNKNOWN": "UNKNOWN"}
"""Which state of the look an answer is drawn as."""


def answer_word(answer: str) -> str:
    return {
        "PASS": _("PASS"),
        "FAIL": pgettext("of a test", "FAIL"),
        "CONTINUE": pgettext("of a test", "not yet"),
        "UNKNOWN": _("UNKNOWN"),
    }[answer]


# ---------------------------------------------------------------- why


def reason(code: str) -> str:
    """Why a verdict is what it is, or why a rollout went back: half a sentence. An unknown code is shown as it is."""
    known = {**_verdicts(), **_failures(), **_problems()}
    return known.get(code, code)


def _verdicts() -> dict[str, str]:
    return {
        "all": _("every test passed"),
        "no-look-yet": _("nothing has been counted at this weight yet"),
        "crash-looping": _("a pod of the canary crashes again and again"),
        "no-ready-pods": _("no pod of the canary is ready"),
        "requests": _("not enough requests yet"),
        "time": _("not long enough at this weight yet"),
        "error-rate": _("more errors than the limit"),
        "slow-rate": _("more slow requests than the limit"),
        "relative": _("more errors than the baseline"),
        "absolute": _("more errors than the limit"),
        "environment": _("both versions fail, so it is not the canary"),
        "difference": _("it is not yet shown to be as good as the baseline"),
        "slow-relative": _("more slow requests than the baseline"),
        "slow-absolute": _("more slow requests than the limit"),
        "slow-environment": _("both versions are slow, so it is not the canary"),
        "slow-difference": _("it is not yet shown to be as fast as the baseline"),
        "share": _("the canary does not get the share that is configured"),
    }


def _failures() -> dict[str, str]:
    return {
        "aborted": _("somebody aborted it"),
        "preflight": _("it could not begin in time"),
        "blind": _("there was no data for too long"),
        "inconclusive": _("a step could not be decided in time"),
    }


def _problems() -> dict[str, str]:
    return {
        "no-data": _("Prometheus has no counts of this service"),
        "stale": _("Prometheus' counts are too old"),
        "nan": _("Prometheus answered with something that is no number"),
        "ambiguous": _("Prometheus has the same counts twice"),
        "no-latency": _("Prometheus has no latencies of this service"),
        "prometheus-down": _("Prometheus does not answer"),
        "drift": _("the weights were not ours meanwhile"),
    }


# ---------------------------------------------------------------- holds


def hold_word(hold: str) -> str:
    """The name of a hold, in a word or two."""
    return {
        "preflight": _("Preflight"),
        "blind": _("No data"),
        "inconclusive": _("Undecided"),
        "freeze": _("Freeze"),
        "stopped": _("Everything is stopped"),
        "capacity": _("Capacity"),
        "sync": _("Proxies"),
        "weights-not-effective": _("Weights do not take effect"),
        "environment": _("Both versions fail"),
        "gate": _("Approval"),
        "drift": _("Changed from outside"),
        "fight": _("Somebody else steers it"),
        "gone": _("Something is gone"),
        "paused": _("Paused"),
    }.get(hold, hold)


def hold_sentence(hold: str, values: Values) -> str:
    """What stands in the way, with its numbers. "" for a code that this version does not know."""
    if hold == "preflight":
        return " ".join(preflight(found) for found in values.get("reasons") or [])
    if hold == "capacity":
        return _capacity(values)
    if hold == "sync":
        return _sync(values)
    if hold == "blind":
        return _("%(why)s.") % {"why": capital(reason(str(values.get("reason", ""))))}
    if hold == "gone":
        return _gone(str(values.get("what", "")))
    if hold == "drift":
        return _drift(str(values.get("what", "")), str(values.get("manager", "")))
    sentence = {
        "inconclusive": _("This step could not be decided in its time: the canary got %(received)s of %(expected)s requests."),
        "freeze": _("%(until)s stops weight increases. It never stops an abort or a lower weight."),
        "stopped": _("%(by)s has stopped everything in this mesh. It goes on when that is lifted."),
        "weights-not-effective": _(
            "The canary received %(received)s of about %(expected)s requests that its weight should give it."
        ),
        "environment": _("Both versions fail more than the limit: whatever is wrong is not the canary."),
        "gate": _("Somebody other than its author has to let %(weight)s %% begin."),
        "fight": _("%(manager)s and the portal changed the same weights within minutes. Find out who should, then resume."),
        "paused": _("%(by)s: %(reason)s"),
    }.get(hold, "")
    return sentence % _filled(values) if sentence else ""


class _Given(dict[str, str]):
    """A value that an older row has not kept is a dash in its sentence."""

    def __missing__(self, key: str) -> str:
        return "–"


def _filled(values: Values) -> _Given:
    return _Given({key: _text(value) for key, value in values.items()})


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(round(value))
    return str(value)


def _capacity(values: Values) -> str:
    ready, needed = values.get("ready"), values.get("needed")
    if ready is None or needed is None:
        return _("Kubernetes does not say how many pods are ready.")
    text = ngettext(
        "%(ready)d pod of the canary is ready, the next step needs %(needed)d.",
        "%(ready)d pods of the canary are ready, the next step needs %(needed)d.",
        int(ready),
    )
    return text % {"ready": ready, "needed": needed}


def _sync(values: Values) -> str:
    if values.get("reason") == "observer" or values.get("out_of_sync") is None:
        return _("The observer does not report, so nobody knows what the mesh looks like now.")
    count = int(values["out_of_sync"])
    text = ngettext(
        "%(count)d proxy has not taken the newest configuration.",
        "%(count)d proxies have not taken the newest configuration.",
        count,
    )
    said = text % {"count": count}
    return f"{said} {values['reason']}" if values.get("reason") else said


def _gone(what: str) -> str:
    return {
        "route": _("The VirtualService is gone. Nothing is made again: put it back, or abort."),
        "destinations": _("The route names one of the versions no longer. Nothing is made again: put it back, or abort."),
        "several": _("More than one route names both versions. Leave one, or abort."),
        "subset": _("A subset is gone from the DestinationRule. Nothing is made again: put it back, or abort."),
        "service": _("The service is gone."),
    }.get(what, _("Something that the canary needs is gone (%(what)s).") % {"what": what})


def _drift(what: str, manager: str) -> str:
    who = manager or _("Somebody")
    sentences = {
        "raised": _("%(who)s raised the weight. It was set back, and it stays held until somebody resumes."),
        "lowered": _("%(who)s lowered the weight: a brake that is left alone until somebody resumes."),
        "foreign": _("%(who)s added a destination to the route. It is left alone: take it out, then resume."),
    }
    return sentences.get(what, _("%(who)s changed the route.")) % {"who": who}


def preflight(found: Values) -> str:
    """One reason why it may not begin."""
    code = str(found.get("code", ""))
    if code == "route":
        return {
            "route": _("There is no VirtualService for this host yet."),
            "destinations": _("No route names both versions yet."),
            "several": _("More than one route names both versions. Leave one."),
        }.get(str(found.get("what", "")), code)
    sentence = {
        "observer": _("The observer does not report, so nobody knows what the mesh looks like now."),
        "foreign": _("The route has other destinations too (%(destinations)s)."),
        "weights": _("The canary has %(share)s %% already: it has to begin with none."),
        "steered": _("%(manager)s writes this route again and again. A canary needs it for itself."),
        "subset": _("The DestinationRule has no subset %(name)s."),
        "version": _("Subset %(name)s has no label “version”, by which Prometheus tells versions apart."),
        "pods": _("No pod of %(name)s is ready."),
        "prometheus": _("There are no counts: %(reason)s."),
        "no-series": _("Prometheus has no counts of this service."),
    }.get(code)
    if sentence is None:
        return code
    values = dict(found)
    if code == "foreign":
        values["destinations"] = ", ".join(map(str, found.get("destinations") or []))
    if code == "prometheus":
        values["reason"] = reason(str(found.get("reason", "")))
    return sentence % _filled(values)


# ---------------------------------------------------------------- tests


def test_title(code: str, spec_values: Values) -> str:
    """The question that one test asks. `spec_values`: ratio, ms."""
    sentence = {
        "requests": _("Enough requests"),
        "time": _("Enough time at this weight"),
        "error-rate": _("Error rate"),
        "slow-rate": _("Slow requests, over %(ms)s ms"),
        "relative": _("More errors than %(ratio)s × baseline?"),
        "absolute": _("More errors than the limit?"),
        "environment": _("Both versions above the limit?"),
        "difference": _("As good as the baseline?"),
        "slow-relative": _("Slower than %(ratio)s × baseline?"),
        "slow-absolute": _("More slow requests than the limit?"),
        "slow-environment": _("Both versions too slow?"),
        "slow-difference": _("As fast as the baseline?"),
        "share": _("Weight takes effect"),
    }.get(code, code)
    return sentence % spec_values if "%(" in sentence else sentence


test_title.__test__ = False  # type: ignore[attr-defined]  # a function of that name is otherwise collected by pytest


def measured(code: str, value: float | None) -> str:
    """What a test measured: a count, a time, an e-value, a rate or a difference in points; "" where nothing was."""
    if value is None:
        return ""
    kind = code.removeprefix("slow-")
    if kind == "requests":
        return number(value)
    if kind == "time":
        return _("%(seconds)s s") % {"seconds": number(value)}
    if kind == "relative":
        return f"e = {_short(value)}"
    if kind == "difference":
        return _("at most %(points)s points") % {"points": f"{value * 100:+.2f}"}
    return rate(value)


def limit(code: str, value: float | None) -> str:
    if value is None:
        return ""
    kind = code.removeprefix("slow-")
    if kind == "requests":
        return f"≥{NBSP}{number(value)}"
    if kind == "time":
        return _("≥ %(seconds)s s") % {"seconds": number(value)}
    if kind == "relative":
        return f"<{NBSP}{_short(value)}"
    if kind == "difference":
        return _("≤ %(points)s points") % {"points": plain(round(value * 100, 4))}
    if kind == "share":
        return _("%(share)s ± 2 points") % {"share": rate(value)}
    return f"≤{NBSP}{rate(value)}"


def _short(value: float) -> str:
    if value >= 10_000:
        return _("over 10,000")
    return f"{value:.3f}" if value < 1 else f"{value:.1f}".removesuffix(".0")


def capital(text: str) -> str:
    """With a capital at its beginning."""
    return text[:1].upper() + text[1:]
