"""Every text of the product has a Simplified Chinese translation that keeps its placeholders and the rules of style."""

from __future__ import annotations

import gettext
import re
from io import BytesIO

import pytest

from scripts import messages
from scripts.messages import Entry, NotLiteral, Text

AGAIN = "run `python scripts/messages.py`, translate what it names in locale/zh_Hans/LC_MESSAGES/django.po, and run it again"
HAN = r"[\u4e00-\u9fff]"


def catalog() -> dict[Text, Entry]:
    return messages.read(messages.CATALOG.read_text(encoding="utf-8"))


def test_every_text_is_translated() -> None:
    translated = {text for text, entry in catalog().items() if entry.chinese}
    missing = [f"{text.english!r} in {files[0]}" for text, files in messages.collect().items() if text not in translated]
    assert missing == [], AGAIN


def test_the_catalog_holds_only_what_the_product_says() -> None:
    said = messages.collect()
    assert [text.english for text in catalog() if text not in said] == [], AGAIN


def test_the_compiled_catalog_is_that_of_the_texts() -> None:
    assert messages.CATALOG.with_suffix(".mo").read_bytes() == messages.compiled(catalog()), AGAIN


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[a-z]|%%|\{\w*\}|</?\w+[^>]*>", text))


def test_translations_keep_their_placeholders_and_tags() -> None:
    changed = {}
    for text, entry in catalog().items():
        mine, theirs = placeholders(entry.chinese), placeholders(text.english) | placeholders(text.plural)
        if entry.chinese and not (placeholders(text.plural or text.english) <= mine <= theirs):
            changed[text.english] = entry.chinese
    assert changed == {}


def test_chinese_is_set_as_chinese() -> None:
    """Full-width punctuation beside Chinese, a space between Chinese and Latin or figures; see the look."""
    rules = {
        "half-width punctuation": rf"{HAN}[,;:!?]|[,;:!?]{HAN}|{HAN}\.(?:\s|$)",
        "no space before Latin or a figure": rf"{HAN}[A-Za-z0-9]",
        "no space after Latin or a figure": rf"[A-Za-z0-9]{HAN}",
        "straight quotes": rf"[\"']{HAN}|{HAN}[\"']",
    }
    bad = []
    for text, entry in catalog().items():
        plain = re.sub(r"<[^>]+>", "", entry.chinese)
        # a number counts as a figure to its neighbours; any other placeholder may be in either script
        plain = re.sub(r"%\(\w+\)s|\{\w*\}", "…", re.sub(r"%\(\w+\)d", "0", plain)).replace("%%", "%")
        bad += [f"{text.english!r}: {rule}: {entry.chinese}" for rule, pattern in rules.items() if re.search(pattern, plain)]
    assert bad == []


# ---------------------------------------------------------------- the tool itself


def test_texts_are_found_however_python_says_them() -> None:
    source = (
        "_('One')\nlabel = gettext_lazy('Tw' 'o')\ntranslation.gettext('Three')\n"
        "ngettext('%(n)d pod', '%(n)d pods', n)\npgettext_lazy('state', 'OK')\nprint('not a text')\n"
    )
    assert set(messages.texts_of_python(source, "x.py")) == {
        Text("One"), Text("Two"), Text("Three"), Text("%(n)d pod", "%(n)d pods"), Text("OK", context="state"),
    }  # fmt: skip


def test_a_text_made_at_run_time_is_refused() -> None:
    with pytest.raises(NotLiteral, match=r"x\.py:1"):
        list(messages.texts_of_python("_(f'{count} pods')", "x.py"))
    with pytest.raises(NotLiteral):
        list(messages.texts_of_template("x.html", "{% load i18n %}{% translate word %}"))


def test_texts_are_found_however_a_template_says_them() -> None:
    source = """{% load i18n %}{% if x %}{% translate "100 % of" %}{% else %}{% translate "May" context "month" as m %}{% endif %}
    {% blocktranslate trimmed count n=n with name=y %}
      {{ n }} pod
      of {{ name }}
    {% plural %}{{ n }} pods of {{ name }}{% endblocktranslate %}
    {% for x in y %}{% state x text=_("Held") %}{% empty %}{% translate 'None' %}{% endfor %}"""
    assert set(messages.texts_of_template("x.html", source)) == {
        Text("100 %% of"), Text("May", context="month"), Text("%(n)s pod of %(name)s", "%(n)s pods of %(name)s"),
        Text("Held"), Text("None"),
    }  # fmt: skip


def test_what_is_written_can_be_read_again_and_is_what_gettext_reads() -> None:
    entries = {
        Text('Say "no"\n\tor\\and'): Entry("“否”\n", ["a.py", "b.html"]),
        Text("%(n)d pod", "%(n)d pods"): Entry("%(n)d 个 Pod", ["a.py"]),
        Text("OK", context="state"): Entry("正常", ["a.py"]),
        Text("untranslated"): Entry("", ["z.py"]),
    }
    assert messages.read(messages.write(entries)) == entries
    found = gettext.GNUTranslations(BytesIO(messages.compiled(entries)))
    assert found.gettext('Say "no"\n\tor\\and') == "“否”\n"
    assert found.ngettext("%(n)d pod", "%(n)d pods", 3) == "%(n)d 个 Pod"
    assert found.pgettext("state", "OK") == "正常"
    assert found.gettext("untranslated") == "untranslated"


def test_a_line_that_is_not_of_a_catalog_is_named() -> None:
    with pytest.raises(ValueError, match="oops"):
        messages.read('msgid "a"\noops\n')


def test_merging_keeps_translations_and_drops_what_nobody_says() -> None:
    old = {Text("kept"): Entry("保留", ["old.py"]), Text("gone"): Entry("消失", ["old.py"])}
    assert messages.merged({Text("kept"): ["new.py"], Text("new"): ["new.py"]}, old) == {
        Text("kept"): Entry("保留", ["new.py"]), Text("new"): Entry("", ["new.py"]),
    }  # fmt: skip
