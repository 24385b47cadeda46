"""What the template tags put on a page."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django import forms
from django.template import Context, Template
from django.utils import translation

from meshportal.mesh.snapshot import State
from meshportal.web.charts import Line

NOON = datetime(2026, 11, 24, 12, 0, 5, tzinfo=UTC)


def page(source: str, **context: object) -> str:
    return Template(source).render(Context(context))


def test_a_state_is_always_shape_word_and_colour() -> None:
    for name in ("FAIL", "WARN", "UNKNOWN", "STALE", "HELD", "OK"):
        drawn = page("{% state s %}", s=name)
        assert f"icons.svg#{name.lower()}" in drawn
        assert f"is-{name.lower()}" in drawn
        assert drawn.endswith(f"</svg>{name}</span>")


def test_a_state_may_say_more_or_stand_in_a_box() -> None:
    assert ">STALE 95 s</span>" in page('{% state "STALE" text="STALE 95 s" %}')
    assert "mp-state--box" in page('{% state "OK" box=True %}')
    assert page("{{ s|state_class }} {{ s|state_word }}", s=State.FAIL) == "is-fail FAIL"


def test_a_state_is_said_in_the_readers_language() -> None:
    with translation.override("zh-hans"):
        assert page("{{ s|state_word }}", s=State.FAIL) == "故障"


def test_no_state_is_unknown_and_an_invented_one_is_a_fault() -> None:
    assert "is-unknown" in page("{% state s %}", s=None)
    with pytest.raises(ValueError, match="is not a state"):
        page('{% state "FINE" %}')


def test_text_in_a_state_is_escaped() -> None:
    assert "&lt;b&gt;" in page('{% state "OK" text=t %}', t="<b>")


def test_a_number_its_unit_and_nothing_measured() -> None:
    assert page('{% num 1842 "/s" %}') == '1,842\xa0<span class="mp-unit">/s</span>'
    assert page("{% num v %}", v=-3) == "-3"
    assert page('{% num v "%" digits=2 %}', v=0) == '0.00\xa0<span class="mp-unit">%</span>'
    for missing in (None, float("nan")):
        assert page('{% num v "ms" %}', v=missing) == '<span class="mp-quiet">no data</span>'


def test_moments_carry_their_machine_readable_time() -> None:
    expected = '<time datetime="2026-11-24T12:00:05+00:00">12:00:05</time>'
    assert page("{{ at|clock }}", at=NOON) == expected
    assert page("{{ at|clock }}", at=NOON.timestamp()) == expected
    assert page('{{ at|clock:"minutes" }}', at=NOON).endswith(">12:00</time>")
    assert page("{{ at|clock }}|{{ at|ago:now }}|{{ at|age }}|{{ at|moment:now }}", at=None, now=NOON) == "|||"


def test_a_moment_of_another_day_is_a_day() -> None:
    assert ">12:00</time>" in page("{{ at|moment:now }}", at=NOON, now=NOON)
    assert ">24 Nov</time>" in page("{{ at|moment:now }}", at=NOON, now=NOON.timestamp() + 86_400)
    assert page("{{ at|ago:now }}", at=NOON.timestamp(), now=NOON.timestamp() + 60) == "1 min ago"


def test_lines_take_points_or_several_lines() -> None:
    points = [(0, 1.0), (60, 2.0)]
    one = page('{% chart p label="Requests" unit="/s" %}', p=points)
    assert 'class="mp-area"' in one
    two = page('{% chart p label="Latency" %}', p=[Line(points), Line(points, "second")])
    assert 'class="mp-second"' in two
    assert page('{% chart p label="Latency" %}', p=[]).count("mp-nodata") == 1
    assert "is-warn" in page('{% spark p label="x" bad=s %}', p=points, s=State.WARN)
    assert 'class="mp-second"' in page('{% swatch "second" %}')


def test_a_bar_says_both_numbers() -> None:
    assert 'aria-label="v2: configured 75\xa0%, measured 75.4\xa0%"' in page('{% share 75.4 75 "v2" %}')
    assert 'aria-label="measured no data"' in page("{% share None %}")


@pytest.mark.parametrize(("name", "letters"), [("Chen Wei", "CW"), ("mei.tan", "MT"), ("ops", "OP"), ("x", "X"), ("", "")])
def test_initials_are_decoration_beside_a_name(name: str, letters: str) -> None:
    assert page("{% initials p %}", p=name) == f'<span class="mp-initials" aria-hidden="true">{letters}</span>'


class Ramp(forms.Form):
    weight = forms.IntegerField(max_value=100, help_text="Live now: 25 %", label="Weight <v2>")
    ticket = forms.CharField(required=False)
    watch = forms.BooleanField(required=False)
    how = forms.ChoiceField(choices=[("fast", "Fast"), ("slow", "Slow")], widget=forms.RadioSelect)


def test_a_wrong_field_is_marked_and_names_its_error_and_its_hint() -> None:
    form = Ramp({"weight": "three", "how": "fast"})
    drawn = page("{{ form.weight.as_field_group }}", form=form)
    assert 'class="form-control is-invalid"' in drawn
    assert 'aria-invalid="true"' in drawn
    assert 'aria-describedby="id_weight_helptext id_weight_error"' in drawn
    assert 'id="id_weight_error"' in drawn
    assert 'id="id_weight_helptext">Live now: 25 %' in drawn
    assert 'value="three"' in drawn, "what was typed stays"
    assert "Weight &lt;v2&gt;" in drawn


def test_what_may_stay_empty_says_so() -> None:
    assert "(optional)" in page("{{ form.ticket.as_field_group }}", form=Ramp())
    assert "(optional)" not in page("{{ form.weight.as_field_group }}", form=Ramp())


def test_choices_are_a_group_with_a_legend() -> None:
    drawn = page("{{ form.how.as_field_group }}", form=Ramp({"how": "slow"}))
    assert "<legend>How</legend>" in drawn
    assert drawn.count('class="form-check-input"') == 2
    assert drawn.count("checked") == 1
    assert 'for="id_how_1">Slow</label>' in drawn


def test_the_label_of_a_box_stands_behind_it() -> None:
    drawn = page("{{ form.watch.as_field_group }}", form=Ramp())
    assert drawn.index("<input") < drawn.index("Watch</label>")


def test_the_summary_links_every_error_to_its_field() -> None:
    drawn = page('{% include "web/_errors.html" %}', form=Ramp({"weight": "three"}))
    assert "2 things to correct" in drawn
    assert 'href="#id_weight"' in drawn
    assert 'href="#id_how"' in drawn
    assert 'role="alert"' in drawn
    assert page('{% include "web/_errors.html" %}', form=Ramp()).strip() == ""
