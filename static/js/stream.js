/* Live pages: frames from the stream, or where there is none or it cannot be had, all live parts every five seconds. */
"use strict";

const QUIET_SECONDS = 12; // the server says something every ten
const LOST_SECONDS = 18; // seen within five more, and so before five periods are over and the observer is taken to be silent

const live = {
  root: null,
  source: null,
  heard: Date.now(),
  streamed: Date.now(),
  paused: false,
  fetching: false,
  again: false,
};

const secondsSince = (moment) => (Date.now() - moment) / 1000;

const heard = () => {
  live.heard = Date.now();
  document.getElementById("lost").hidden = true;
};

const heardStream = () => {
  live.streamed = Date.now();
  heard();
};

// ---------------------------------------------------------------- putting new parts into the page

const states = () => new Map([...document.querySelectorAll("[data-key]")].map((row) => [row.dataset.key, row.dataset.state]));

const visibleText = (element) => {
  const copy = element.cloneNode(true);
  copy.querySelectorAll("[data-epoch]").forEach((age) => age.remove());
  return copy.textContent;
};

const markChanges = (fresh) => {
  const rows = fresh.matches("[data-key]") ? [fresh] : fresh.querySelectorAll("[data-key]");
  rows.forEach((row) => {
    const old = document.getElementById(row.id);
    if (!old || visibleText(old) !== visibleText(row)) row.classList.add("is-changed");
  });
};

// A row that comes alone leaves out its small line, which is then the one from before.
const keepLine = (old, fresh) => {
  const [was, is] = [old.querySelector("[data-spark]"), fresh.querySelector("[data-spark]")];
  if (fresh.matches("[data-key]") && was && is && !is.childElementCount) is.replaceChildren(...was.childNodes);
};

// Whoever reads with the keyboard stays where they are, and a fold stays as they left it.
const replacePart = (old, fresh) => {
  const active = old.contains(document.activeElement) ? document.activeElement : null;
  const [wasFold, isFold] = [old.querySelector("details"), fresh.querySelector("details")];
  if (wasFold && isFold) isFold.open = wasFold.open;
  markChanges(fresh);
  keepLine(old, fresh);
  old.replaceWith(fresh);
  if (!active) return;
  const same = [...fresh.querySelectorAll(active.tagName)].find((other) => other.getAttribute("href") === active.getAttribute("href"));
  if (same) same.focus({ preventScroll: true });
};

const afterSwap = (before) => {
  const moment = boardMoment();
  if (moment) {
    meshClock.set(Number(moment.now));
    const plain = document.title.replace(/^\(\d+\) /, "");
    document.title = Number(moment.problems) ? `(${moment.problems}) ${plain}` : plain;
  }
  const changed = [...document.querySelectorAll("[data-key]")].filter((row) => {
    const was = before.get(row.dataset.key);
    return was !== row.dataset.state && (was || row.dataset.state !== "OK");
  });
  speak(changed.map((row) => row.dataset.spoken));
  showPause();
  showAges();
};

// Each part comes in a <template>: a table row beside a <div> would not survive the parser.
const swap = (html) => {
  const before = states();
  const frame = document.createElement("template");
  frame.innerHTML = html;
  const parts = [...frame.content.children].map((part) => part.content.firstElementChild);
  const missing = parts.filter((part) => !document.getElementById(part.id));
  parts.filter((part) => !missing.includes(part)).forEach((part) => replacePart(document.getElementById(part.id), part));
  afterSwap(before);
  return missing.length === 0;
};

// ---------------------------------------------------------------- where the parts come from

// A frame that comes while the whole is under way may be newer than it, so the whole is then fetched once more.
const fetchWhole = async (evenIfSame = false) => {
  if (live.fetching) {
    live.again = true;
    return;
  }
  live.fetching = true;
  const version = boardMoment()?.version;
  const headers = version && !evenIfSame ? { "If-None-Match": `"${version}"` } : {};
  try {
    const answer = await fetch(live.root.dataset.fragment, { headers, credentials: "same-origin" });
    if (answer.redirected || [401, 403, 404].includes(answer.status)) {
      window.location.reload(); // signed out, or not allowed any more: the page itself says which
      return;
    }
    if (answer.ok || answer.status === 304) heard();
    if (answer.ok && !live.paused) swap(await answer.text());
  } catch {
    // The server is away; `watch` says so when it lasts.
  } finally {
    live.fetching = false;
  }
  if (live.again) {
    live.again = false;
    fetchWhole();
  }
};

const onFrame = (event) => {
  heardStream();
  if (live.paused) return;
  if (live.fetching) live.again = true;
  else if (!swap(event.data)) fetchWhole(true); // the page has another shape by now: its first services, its first look
};

const onWhole = () => {
  heardStream();
  if (!live.paused) fetchWhole();
};

const connect = () => {
  const source = new EventSource(`${live.root.dataset.stream}&from=${boardMoment()?.version ?? ""}`);
  source.addEventListener("frame", onFrame);
  source.addEventListener("whole", onWhole);
  source.addEventListener("beat", (event) => {
    heardStream();
    meshClock.set(Number(event.data));
  });
  source.addEventListener("error", () => {
    // The browser connects again by itself unless it was refused. Then later, and not everybody at once.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 30000 + Math.random() * 30000);
  });
  live.source = source;
};

const watch = () => {
  const note = document.getElementById("lost");
  const lost = secondsSince(live.heard) >= LOST_SECONDS;
  if (lost && note.hidden) speak([note.textContent.trim()]);
  note.hidden = !lost;
  if (secondsSince(live.streamed) > QUIET_SECONDS && !document.hidden) fetchWhole();
};

// ---------------------------------------------------------------- pause

const showPause = () => {
  const button = document.querySelector("[data-act=pause]");
  if (!button) return;
  button.hidden = false;
  button.setAttribute("aria-pressed", String(live.paused));
  button.querySelector("span").textContent = live.paused ? live.root.dataset.resume : live.root.dataset.pause;
};

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-act=pause]")) return;
  live.paused = !live.paused;
  showPause();
  if (!live.paused) fetchWhole(true);
});

document.addEventListener("DOMContentLoaded", () => {
  live.root = document.getElementById("live");
  if (!live.root) return;
  showPause();
  if (live.root.dataset.stream) connect();
  else live.streamed = 0;
  setInterval(watch, 5000);
  // The small lines of quiet services come with the whole only.
  setInterval(() => !document.hidden && fetchWhole(true), 300000);
});

window.addEventListener("pageshow", (event) => {
  if (event.persisted && live.root) fetchWhole(true);
});
