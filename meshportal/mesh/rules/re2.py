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
_ESCAPES = frozenset("AbBzdDsSwWpPQEafnrtvxC01234567")


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
    in_class, first = False, False
    for piece in _PIECE.findall(regex):
        if piece.startswith("\\Q"):
            plain.append(re.escape(piece[2:].removesuffix("\\E")))
            bare.append("_")
            continue
        if piece.startswith("\\"):
            escape, wrong = _escape(piece, in_class=in_class)
            if wrong:
                return "", "", wrong
            plain.append(escape)
            bare.append("_")
            first = False
            continue
        if in_class:
            inside = not (piece == "]" and not first)
            plain.append("a" if piece.startswith("[:") else ("\\[" if piece == "[" else piece))
            bare.append("_" if inside else "]")
            first = first and piece == "^"
            in_class = inside
            continue
        if piece.startswith("[:"):  # a class that begins with a colon
            plain.append("[" + piece[1:-1] + "]")
            bare.append("[_]")
            continue
        plain.append(piece)
        bare.append(piece)
        in_class = first = piece == "["
    text = "".join(plain)
    return _GROUP.sub(lambda found: {")": "", ":": "(?:", "<": "(?P<"}[found[1][-1]], text), "".join(bare), ""


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
