"""The parts of the board that are sent alone when they changed. Each has the id under which it stands in the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.template.loader import render_to_string

from meshportal.board.page import Board


@dataclass(frozen=True)
class Block:
    """What is shown under an id, and the template that draws it, which gets `shown` under the name `name`.

    A block with parts is drawn whole when the parts are others than before; when only their text changed, those parts go alone.
    """

    id: str
    template: str
    shown: object
    name: str = "shown"
    parts: tuple[Block, ...] = ()


def blocks(board: Board) -> tuple[Block, ...]:
    """Every live part, in the order of the page."""
    cards = tuple(Block(f"card:{card.key}", "board/_card.html", card, "card") for card in board.cards)
    rows = tuple(Block(f"row:{row.key}", "board/_row.html", row, "row") for row in board.rows)
    return (
        Block("board-verdict", "board/_verdict.html", (board.verdict, board.stale)),
        Block("board-facts", "board/_facts.html", (board.facts, board.taken_at, board.stale)),
        Block("board-sources", "board/_sources.html", (board.chips, board.remark)),
        Block("board-figures", "board/_figures.html", (board.figures, board.stale)),
        Block("board-problems", "board/_problems.html", None, parts=cards),
        Block("board-stop", "board/_stop.html", board.stop),
        Block("board-canaries", "board/_canaries.html", board.canaries),
        Block("board-changes", "board/_changes.html", board.changes),
        Block("board-ok", "board/_ok.html", len(rows), parts=rows),
    )


def changed(before: tuple[Block, ...], after: tuple[Block, ...]) -> Iterator[Block]:
    """The blocks of `after` that look different from `before`."""
    old = {block.id: block for block in before}
    for block in after:
        was = old.get(block.id)
        same_parts = was is not None and [part.id for part in was.parts] == [part.id for part in block.parts]
        if was is None or not same_parts or was.shown != block.shown:
            yield block
        else:
            yield from (part for part, other in zip(block.parts, was.parts, strict=True) if part.shown != other.shown)


def draw(block: Block, board: Board) -> str:
    """The HTML of one block; its root element has the block's id.

    A row that goes alone is brief: its small line, most of its bytes, is the one that stands in the page already.
    """
    context = {"board": board, "now": board.now, "brief": block.name == "row", block.name: block.shown}
    return render_to_string(block.template, context)


def difference(before: Board, after: Board) -> str:
    """The HTML that turns a page of `before` into one of `after`: what changed, and always the block with version and moment.

    Each part is in a <template>, because a browser's parser drops a table row that stands beside other elements.
    """
    parts = [draw(block, after) for block in changed(blocks(before), blocks(after))]
    return "\n".join(
        f"<template>{part.strip()}</template>" for part in [render_to_string("board/_moment.html", {"board": after}), *parts]
    )
