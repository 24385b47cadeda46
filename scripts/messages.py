"""Collect the texts of the product and compile their translations: `python scripts/messages.py`.

Needs nothing but Django: no gettext tools. Adds what is missing to the .po with an empty translation, drops what no page says any
more, writes the .mo, and names what is still to be translated. Both files are committed; tests/test_translations.py watches them.
"""

from __future__ import annotations

import ast
import os
import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
CATALOG = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
HEADER = (
    "Language: zh_Hans\n"
    "MIME-Version: 1.0\n"
    "Content-Type: text/plain; charset=UTF-8\n"
    "Content-Transfer-Encoding: 8bit\n"
    "Plural-Forms: nplurals=1; plural=0;\n"
)
# How many texts a function of django.utils.translation takes, and whether a context comes first.
FUNCTIONS = {"_": (1, False), "gettext": (1, False), "pgettext": (1, True), "ngettext": (2, False), "npgettext": (2, True)}


@dataclass(frozen=True, order=True)
class Text:
    """One text of the source: English, its plural where it has one, the context that tells it from the same words elsewhere."""

    english: str
    plural: str = ""
    context: str = ""


@dataclass
class Entry:
    """A translation, "" while there is none, and the files that say the text."""

    chinese: str = ""
    files: list[str] = field(default_factory=list)


class NotLiteral(ValueError):
    """A text that is put together at run time: no translator would ever see it."""


# ---------------------------------------------------------------- reading the source


def texts_of_python(source: str, where: str) -> Iterator[Text]:
    """Texts of one module. Raises NotLiteral."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        count, has_context = FUNCTIONS.get(re.sub("_(lazy|noop)$", "", called), (0, False))
        if not count:
            continue
        words = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args[: count + has_context]]
        if len(words) < count + has_context or not all(isinstance(word, str) for word in words):
            raise NotLiteral(f"{where}:{node.lineno}: {called}() takes texts as they stand in the source")
        context = str(words.pop(0)) if has_context else ""
        yield Text(str(words[0]), str(words[1]) if count == 2 else "", context)


def texts_of_template(name: str, source: str) -> Iterator[Text]:
    """Texts of one template. Raises NotLiteral, and TemplateSyntaxError for a template that is broken."""
    from django.template import Template
    from django.templatetags.i18n import BlockTranslateNode, TranslateNode
    from django.utils.translation.template import constant_re

    nodes = Template(source).nodelist
    for node in cast(list[TranslateNode], nodes.get_nodes_by_type(TranslateNode)):
        literal = node.filter_expression.var.literal
        if not isinstance(literal, str):
            raise NotLiteral(f"{name}: {{% translate %}} takes a text as it stands in the source")
        yield Text(_percent(literal), context=_literal(node.message_context))
    for block in cast(list[BlockTranslateNode], nodes.get_nodes_by_type(BlockTranslateNode)):
        singular = block.render_token_list(block.singular)[0]
        plural = block.render_token_list(block.plural)[0] if block.plural else ""
        yield Text(singular, plural, _literal(block.message_context))
    for found in constant_re.findall(source):
        yield Text(_percent(ast.literal_eval(found)))


def _percent(text: str) -> str:
    # Django doubles it before it looks a template's text up, and undoes that afterwards.
    return text.replace("%", "%%")


def _literal(expression: Any) -> str:
    return str(getattr(expression.var, "literal", expression.var)) if expression else ""


def collect() -> dict[Text, list[str]]:
    """Every text of the product and the files that say it. Raises NotLiteral."""
    found: dict[Text, list[str]] = {}
    for path in sorted([*(ROOT / "templates").rglob("*.html"), *(ROOT / "meshportal").rglob("*.py")]):
        where = path.relative_to(ROOT).as_posix()
        source = path.read_text(encoding="utf-8")
        for text in texts_of_template(where, source) if path.suffix == ".html" else texts_of_python(source, where):
            files = found.setdefault(text, [])
            if where not in files:
                files.append(where)
    return found


# ---------------------------------------------------------------- .po and .mo

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}


def quoted(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(letter, letter) for letter in text) + '"'


def read(po: str) -> dict[Text, Entry]:
    """The entries of a .po without its header. Raises ValueError for a line that it does not know."""
    entries: dict[Text, Entry] = {}
    for block in re.split(r"\n\s*\n", po):
        parts: dict[str, str] = {}
        files: list[str] = []
        key = ""
        for line in filter(None, map(str.strip, block.splitlines())):
            keyword = re.match(r'(msgctxt|msgid_plural|msgid|msgstr)(?:\[0\])?\s+(?=")', line)
            if line.startswith("#"):
                files += line[2:].split() if line.startswith("#:") else []
                continue
            if keyword:
                key, line = keyword[1], line[keyword.end() :]
            elif not key or not line.startswith('"'):
                raise ValueError(f"not a line of a .po file: {line}")
            parts[key] = parts.get(key, "") + str(ast.literal_eval(line))
        if parts.get("msgid"):
            text = Text(parts["msgid"], parts.get("msgid_plural", ""), parts.get("msgctxt", ""))
            entries[text] = Entry(parts.get("msgstr", ""), files)
    return entries


def write(entries: dict[Text, Entry]) -> str:
    """The .po of `entries`: by file, so that what stands together on a page is translated together."""
    blocks = ['msgid ""\nmsgstr ""\n' + "\n".join(quoted(line) for line in HEADER.splitlines(keepends=True))]
    for text, entry in sorted(entries.items(), key=lambda item: (item[1].files[:1], item[0])):
        lines = [f"#: {' '.join(entry.files)}"] if entry.files else []
        lines += [f"msgctxt {quoted(text.context)}"] if text.context else []
        lines.append(f"msgid {quoted(text.english)}")
        if text.plural:
            lines += [f"msgid_plural {quoted(text.plural)}", f"msgstr[0] {quoted(entry.chinese)}"]
        else:
            lines.append(f"msgstr {quoted(entry.chinese)}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def compiled(entries: dict[Text, Entry]) -> bytes:
    """The .mo of what is translated: GNU's format, revision 0, little end first, ids sorted, no hash table.

    https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html
    """
    catalog = {b"": HEADER.encode()}
    for text, entry in entries.items():
        if entry.chinese:
            key = (f"{text.context}\x04" if text.context else "") + text.english + (f"\0{text.plural}" if text.plural else "")
            catalog[key.encode()] = entry.chinese.encode()
    ids = sorted(catalog)
    head, row = 28, 8
    offset = head + 2 * row * len(ids)
    tables, strings = [], b""
    for column in (ids, [catalog[key] for key in ids]):
        for value in column:
            tables.append(struct.pack("<2I", len(value), offset + len(strings)))
            strings += value + b"\0"
    start = struct.pack("<7I", 0x950412DE, 0, len(ids), head, head + row * len(ids), 0, head + 2 * row * len(ids))
    return start + b"".join(tables) + strings


def merged(texts: dict[Text, list[str]], old: dict[Text, Entry]) -> dict[Text, Entry]:
    """What the product says now, with the translations there are."""
    return {text: Entry(old[text].chinese if text in old else "", files) for text, files in texts.items()}


def setup() -> None:
    """Make templates readable when this runs by itself; under a test Django is set up already."""
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshportal.settings")
    import django

    django.setup()


def main() -> int:
    """Write both files. Returns 1 while something is not translated."""
    setup()
    old = read(CATALOG.read_text(encoding="utf-8")) if CATALOG.exists() else {}
    new = merged(collect(), old)
    CATALOG.parent.mkdir(parents=True, exist_ok=True)
    CATALOG.write_text(write(new), encoding="utf-8")
    CATALOG.with_suffix(".mo").write_bytes(compiled(new))
    dropped = [text for text in old if text not in new]
    missing = [text for text, entry in new.items() if not entry.chinese]
    sys.stdout.writelines(f"dropped: {text.english!r}\n" for text in dropped)
    sys.stdout.writelines(f"to translate: {text.english!r} ({new[text].files[0]})\n" for text in missing)
    sys.stdout.write(f"{len(new)} texts, {len(missing)} to translate, {len(dropped)} dropped: {CATALOG.relative_to(ROOT)}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
