"""Pictures for people to look at, new on every run: test-results/ has the four main pages in every size, theme and language."""

from __future__ import annotations

import pytest

from tests.e2e.pages import prepare, sights
from tests.e2e.people import People, picture
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]
SHOWN = ("board", "service", "form-with-preview", "form-with-errors", "change-in-review-approver", "change-applied")
HEIGHTS = {360: 740, 1280: 900, 1920: 1080}


@pytest.mark.parametrize("width", HEIGHTS)
def test_pictures(people: People, sandbox: Stage, width: int) -> None:
    changes = prepare(sandbox)
    shown = [sight for sight in sights(sandbox, changes) if sight.name in SHOWN]
    for language, locale in (("en", "en-GB"), ("zh", "zh-CN")):
        for theme in ("light", "dark"):
            look = {"viewport": {"width": width, "height": HEIGHTS[width]}, "locale": locale, "color_scheme": theme}
            pages = {who: people.signed_in(who, **look) for who in ("alice", "bob")}
            for sight in shown:
                page = pages[sight.who]
                sight.show(page)
                taken = picture(page, f"{sight.name}-{width}-{language}-{theme}")
                assert len(taken) > 10_000, f"{sight.name} is an empty picture"
