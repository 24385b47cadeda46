"""The stream endpoint, driven in-process: who gets in, what they get, and when they are let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

from meshportal.web.stream import Frame, Pace, Scope, StreamEndpoint, Viewer

Message = MutableMapping[str, Any]
QUICK = Pace(recheck=0.02, beat=5, send_timeout=1)
CALM = Pace(recheck=60, beat=60, send_timeout=1)


class Door:
    """Knows people by the cookie they bring; `forget` signs somebody out."""

    def __init__(self, **people: str) -> None:
        self.audiences = people

    def forget(self, person: str) -> None:
        del self.audiences[person]

    async def __call__(self, scope: Scope) -> Viewer | None:
        person = dict(scope["headers"]).get(b"cookie", b"").decode()
        return Viewer(person, self.audiences[person]) if person in self.audiences else None


class Studio:
    """Makes the frames of each audience out of what the test publishes, and counts its producers."""

    def __init__(self) -> None:
        self.shows: dict[str, asyncio.Queue[Frame | Exception]] = {}
        self.started: list[str] = []
        self.stopped: list[str] = []

    def publish(self, audience: str, frame: Frame | Exception) -> None:
        self.shows.setdefault(audience, asyncio.Queue()).put_nowait(frame)

    async def __call__(self, audience: str) -> AsyncIterator[Frame]:
        self.started.append(audience)
        try:
            while True:
                frame = await self.shows.setdefault(audience, asyncio.Queue()).get()
                if isinstance(frame, Exception):
                    raise frame
                yield frame
        finally:
            self.stopped.append(audience)


class Browser:
    """One connection. `stall` makes it stop reading, as a full socket buffer would; `leave` closes the tab."""

    def __init__(
        self, app: StreamEndpoint, person: str, *, path: str = "/stream/mesh/", seen: str = "", method: str = "GET"
    ) -> None:
        headers = [(b"cookie", person.encode())]
        if seen:
            headers.append((b"last-event-id", seen.encode()))
        scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b""}
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.text = ""
        self._gone = asyncio.Event()
        self._reading = asyncio.Event()
        self._reading.set()
        self.connection = asyncio.create_task(self._run(app(scope, self._receive, self._send)))

    async def _run(self, answer: Coroutine[Any, Any, None] | Awaitable[None]) -> None:
        await answer

    async def _receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self._reading.wait()
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.text += message["body"].decode()

    @property
    def events(self) -> list[tuple[str, str, str]]:
        """(event, id, data) of everything that came, heartbeats left out."""
        found = []
        for block in self.text.split("\n\n"):
            fields: dict[str, list[str]] = {}
            for line in block.splitlines():
                name, _, value = line.partition(": ")
                fields.setdefault(name, []).append(value)
            if "event" in fields and fields["event"] != ["beat"]:
                found.append((fields["event"][0], fields["id"][0], "\n".join(fields["data"])))
        return found

    def stall(self) -> None:
        self._reading.clear()

    def read_on(self) -> None:
        self._reading.set()

    async def leave(self) -> None:
        self._gone.set()
        await self.connection

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not true():
                await asyncio.sleep(0.002)


async def django(scope: Scope, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"a page of Django"})


def endpoint(door: Door, studio: Studio, pace: Pace = CALM) -> StreamEndpoint:
    return StreamEndpoint("/stream/", django, authenticate=door, frames=studio, pace=pace)


def test_a_stranger_is_refused_and_learns_nothing() -> None:
    async def story() -> None:
        browser = Browser(endpoint(Door(), Studio()), "mallory")
        await browser.connection
        assert browser.status == 403
        assert browser.text == ""

    asyncio.run(story())


def test_other_addresses_are_answered_by_django() -> None:
    async def story() -> None:
        browser = Browser(endpoint(Door(), Studio()), "ann", path="/services/")
        await browser.connection
        assert browser.text == "a page of Django"

    asyncio.run(story())


def test_a_stream_is_read_with_get_alone() -> None:
    async def story() -> None:
        browser = Browser(endpoint(Door(ann="all"), Studio()), "ann", method="POST")
        await browser.connection
        assert browser.status == 405

    asyncio.run(story())


def test_frames_reach_everybody_of_the_audience_and_nobody_else() -> None:
    async def story() -> None:
        studio = Studio()
        app = endpoint(Door(ann="shop", bob="shop", eve="bank"), studio)
        ann, bob, eve = (Browser(app, person, seen="1") for person in ("ann", "bob", "eve"))
        studio.publish("shop", Frame("1", None))
        studio.publish("shop", Frame("2", "<b>cart</b>"))
        studio.publish("bank", Frame("2", "<b>vault</b>"))
        for browser in (ann, bob, eve):
            await browser.until(lambda browser=browser: bool(browser.events))  # type: ignore[misc]
        assert ann.events == bob.events == [("frame", "2", "<b>cart</b>")]
        assert "cart" not in eve.text
        assert studio.started == ["shop", "bank"], "one producer for each audience, however many viewers"
        assert ann.headers[b"content-type"].startswith(b"text/event-stream")
        assert ann.headers[b"cache-control"] == b"no-cache"
        assert ann.headers[b"x-accel-buffering"] == b"no"
        for browser in (ann, bob, eve):
            await browser.leave()

    asyncio.run(story())


def test_a_late_viewer_is_told_to_fetch_the_whole_page_and_one_who_is_up_to_date_is_not() -> None:
    async def story() -> None:
        studio = Studio()
        app = endpoint(Door(ann="shop", bob="shop", eve="shop"), studio)
        ann = Browser(app, "ann")
        studio.publish("shop", Frame("7", None))
        await ann.until(lambda: bool(ann.events))
        late, current = Browser(app, "bob", seen="5"), Browser(app, "eve", seen="7")
        await late.until(lambda: bool(late.events))
        studio.publish("shop", Frame("8", "news"))
        await current.until(lambda: bool(current.events))
        assert late.events[0] == ("whole", "7", "")
        assert current.events == [("frame", "8", "news")]
        for browser in (ann, late, current):
            await browser.leave()

    asyncio.run(story())


def test_text_with_line_breaks_cannot_forge_an_event() -> None:
    async def story() -> None:
        studio = Studio()
        ann = Browser(endpoint(Door(ann="shop"), studio), "ann")
        studio.publish("shop", Frame("1", "one\r\n\nevent: whole\rdata: x"))
        await ann.until(lambda: bool(ann.events))
        assert ann.events == [("frame", "1", "one\n\nevent: whole\ndata: x")]
        await ann.leave()

    asyncio.run(story())


def test_somebody_who_signs_out_is_let_go() -> None:
    async def story() -> None:
        door, studio = Door(ann="shop"), Studio()
        ann = Browser(endpoint(door, studio, QUICK), "ann")
        await ann.until(lambda: ann.status == 200)
        door.forget("ann")
        await asyncio.wait_for(ann.connection, 5)
        studio.publish("shop", Frame("2", "secret"))
        assert ann.events == []

    asyncio.run(story())


def test_somebody_whose_rights_changed_must_connect_again() -> None:
    async def story() -> None:
        door = Door(ann="shop")
        ann = Browser(endpoint(door, Studio(), QUICK), "ann")
        await ann.until(lambda: ann.status == 200)
        door.audiences["ann"] = "bank"
        await asyncio.wait_for(ann.connection, 5)

    asyncio.run(story())


def test_a_slow_reader_skips_frames_and_then_fetches_the_whole() -> None:
    async def story() -> None:
        studio = Studio()
        app = endpoint(Door(ann="shop", bob="shop"), studio)
        slow, fast = Browser(app, "ann", seen="1"), Browser(app, "bob", seen="1")
        await fast.until(lambda: slow.status == fast.status == 200)
        slow.stall()
        for number in ("2", "3", "4"):
            studio.publish("shop", Frame(number, f"frame {number}"))
            await fast.until(lambda number=number: bool(fast.events) and fast.events[-1][1] == number)  # type: ignore[misc]
        slow.read_on()
        await slow.until(lambda: len(slow.events) == 2)
        assert [event[2] for event in fast.events] == ["frame 2", "frame 3", "frame 4"]
        assert slow.events == [("frame", "2", "frame 2"), ("whole", "4", "")]
        await slow.leave()
        await fast.leave()

    asyncio.run(story())


def test_a_reader_that_does_not_read_at_all_is_closed() -> None:
    async def story() -> None:
        studio = Studio()
        ann = Browser(endpoint(Door(ann="shop"), studio, Pace(recheck=60, beat=60, send_timeout=0.05)), "ann")
        await ann.until(lambda: ann.status == 200)
        ann.stall()
        studio.publish("shop", Frame("2", "x"))
        await asyncio.wait_for(ann.connection, 5)
        assert studio.stopped == ["shop"]

    asyncio.run(story())


def test_one_person_cannot_take_every_seat() -> None:
    async def story() -> None:
        app = endpoint(Door(ann="shop", bob="shop"), Studio(), Pace(recheck=60, beat=60, viewers_per_person=2))
        tabs = [Browser(app, "ann") for _ in range(2)]
        await tabs[1].until(lambda: all(tab.status == 200 for tab in tabs))
        third, other = Browser(app, "ann"), Browser(app, "bob")
        await third.connection
        await other.until(lambda: other.status == 200)
        assert third.status == 429
        await tabs[0].leave()
        again = Browser(app, "ann")
        await again.until(lambda: again.status == 200)
        for browser in (tabs[1], other, again):
            await browser.leave()

    asyncio.run(story())


def test_nothing_is_produced_when_the_last_viewer_left() -> None:
    async def story() -> None:
        studio = Studio()
        app = endpoint(Door(ann="shop"), studio)
        ann = Browser(app, "ann")
        await ann.until(lambda: studio.started == ["shop"])
        await ann.leave()
        await ann.until(lambda: studio.stopped == ["shop"])

    asyncio.run(story())


def test_viewers_are_closed_when_their_frames_end_in_an_error_and_the_next_one_gets_a_new_producer() -> None:
    async def story() -> None:
        studio = Studio()
        app = endpoint(Door(ann="shop"), studio)
        ann = Browser(app, "ann")
        await ann.until(lambda: ann.status == 200)
        studio.publish("shop", RuntimeError("the database went away"))
        await asyncio.wait_for(ann.connection, 5)
        again = Browser(app, "ann")
        studio.publish("shop", Frame("3", "back"))
        await again.until(lambda: again.events == [("frame", "3", "back")])
        await again.leave()

    asyncio.run(story())


def test_a_quiet_stream_shows_that_the_server_lives() -> None:
    async def story() -> None:
        ann = Browser(endpoint(Door(ann="shop"), Studio(), Pace(recheck=60, beat=0.02)), "ann")
        await ann.until(lambda: ann.text.count("event: beat") >= 2)
        await ann.leave()

    asyncio.run(story())


def test_start_and_stop_of_the_server_are_answered_here() -> None:
    async def story() -> None:
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
        sent: list[str] = []

        async def receive() -> Message:
            return next(messages)

        async def send(message: Message) -> None:
            sent.append(message["type"])

        await endpoint(Door(), Studio())({"type": "lifespan"}, receive, send)
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    asyncio.run(story())
