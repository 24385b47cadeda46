"""Whether a regular expression is RE2's, without RE2: what Python cannot compile, and what Python has and RE2 has not.

Source: https://github.com/google/re2/wiki/Syntax and the regexp package of Go, with which istiod judges. What only RE2 knows
(\\pL, \\z, \\Q…\\E, [[:alpha:]], (?U)) is put into Python's words before Python compiles it.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache

_PIECE = re.compile(r"\\Q.*?(?:\\E|$)|\\p\{\^?\w+\}|\\P\{\^?\w+\}|\\[pP]\w|\\x\{[0-9A-Fa-f]{1,6}\}|\\.|\[:\^?\w+:\]|.", re.DOTALL)
_ABSENT = (
    (re.compile(r"\(\?(?:=|!|<=|<!)"), "lookaround"),
    (re.compile(r"\(\?P="), "backreference"),
    (re.compile(r"\(\?\("), "condition"),
    (re.compile(r"\(\?>"), "atomic"),
    (re.compile(r"\(\?#"), "comment"),
    (re.compile(r"\(\?[imsU-]*[aLux]"), "syntax"),  # flags of Python alone
    (re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})\+"), "possessive"),
)
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_MOST = 1000
# flags may stand anywhere in RE2, and names need no P; none of it decides whether an expression is well-formed
_GROUP = re.compile(r"\(\?([imsU-]+[:)]|<(?![=!]))")
# escapes of Go; digits above them are backreferences in Python
_ESCAPES = frozenset("AbBzdDsSwWpPQEafnrtvx01234567")
_POSIX = "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit"
_CLASSES = frozenset(_POSIX.split())
_PLACES = frozenset({"^", "$", "\\b", "\\B", "\\A", "\\z"})
_SETS = frozenset({"\\d", "\\D", "\\s", "\\S", "\\w", "\\W"})


@lru_cache(maxsize=4096)
def complaint(regex: str) -> str:
    """What is wrong: "lookaround", "backreference", … or "syntax"; "" for an expression that RE2 takes."""
    plain, bare, wrong = _translated(regex)
    if wrong:
        return wrong
    for pattern, name in _ABSENT:
        if pattern.search(bare):
            return name
    if _counted(bare) > _MOST:
        return "count"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(plain)
    except (re.error, RecursionError, OverflowError):
        return "syntax"
    return ""


def _counted(bare: str) -> int:
    """The largest product of counts that stand inside each other, which RE2 bounds like a single count (repeatIsValid in Go's
    regexp/syntax)."""
    levels, last, place = [1], 1, 0
    while place < len(bare):
        count = _COUNT.match(bare, place)
        if count:
            last *= max(1, int((count[2] or count[1])[:9]))
            levels[-1] = max(levels[-1], last)
            place = count.end()
            continue
        if bare[place] == "(":
            levels.append(1)
        elif bare[place] == ")" and len(levels) > 1:
            last = levels.pop()
            levels[-1] = max(levels[-1], last)
        elif bare[place] not in "*+?":
            last = 1
        place += 1
    return max(levels)


def _translated(regex: str) -> tuple[str, str, str]:
    """The expression for Python, the same with escapes and classes blanked out, and what is wrong with an escape."""
    plain: list[str] = []
    bare: list[str] = []
    in_class, before = False, ""
    for found in _PIECE.finditer(regex):
        piece = found[0]
        escaped, wrong = _inside(piece, before) if in_class else _outside(piece, regex, found.start())
        if wrong:
            return "", "", wrong
        if in_class and piece == "]" and before not in {"[", "[^"}:
            in_class = False
        elif not in_class and piece == "[":
            in_class = True
        plain.append(escaped)
        bare.append(piece if len(piece) == 1 and not in_class else "_")
        before = "[^" if (before, piece) == ("[", "^") else piece
    text = "".join(plain)
    return _GROUP.sub(lambda group: {")": "", ":": "(?:", "<": "(?P<"}[group[1][-1]], text), "".join(bare), ""


def _inside(piece: str, before: str) -> tuple[str, str]:
    """A piece between brackets, in Python's words, and what is wrong with it."""
    if piece.startswith("[:"):
        return "a", "" if piece[2:-2].removeprefix("^") in _CLASSES else "syntax"
    if piece.startswith("\\"):
        return _escape(piece, in_class=True)
    # Go takes a dash after a set such as \d for itself, Python for a range that cannot be
    if piece == "-" and (before in _SETS or before.startswith(("[:", "\\p", "\\P"))):
        return "\\-", ""
    return ("\\" + piece if piece in "[&|~" else piece), ""


def _outside(piece: str, regex: str, place: int) -> tuple[str, str]:
    """A piece that is not between brackets, in Python's words, and what is wrong with it."""
    if piece in _PLACES:
        return "(?:)", ""  # so that it may be repeated, as in RE2
    if piece.startswith("\\Q"):
        return re.escape(piece[2:].removesuffix("\\E")), ""
    if piece.startswith("\\"):
        return _escape(piece, in_class=False)
    if piece.startswith("[:"):  # a class that begins with a colon
        return "[" + piece[1:-1].replace("[", "\\[") + "]", ""
    if piece == "{" and not _COUNT.match(regex, place):
        return "\\{", ""
    return piece, ""


def _escape(piece: str, *, in_class: bool) -> tuple[str, str]:
    letter = piece[1:2]
    if letter in "pP" and len(piece) > 2:
        return ("a" if in_class else "[a]"), ""
    if piece.startswith("\\x{"):
        return "a", ""
    if letter == "z":
        return "\\Z", ("syntax" if in_class else "")
    if letter and letter in "123456789":
        return "", "backreference"
    if in_class and letter and letter in "AbBCEQ":
        return "", "syntax"  # Python takes [\\b] for a backspace
    if letter == "" or (letter.isalnum() and letter.isascii() and letter not in _ESCAPES) or not letter.isascii():
        return "", "syntax"
    return ("." if letter == "C" else piece), ""
