/* Ages that count on between two answers of the server, by the server's clock, and what follows when they grow too old. */
"use strict";

const meshClock = (() => {
  // Milliseconds that the server's clock is ahead of this computer's.
  let ahead = 0;
  return {
    now: () => (Date.now() + ahead) / 1000,
    set: (seconds) => {
      if (Number.isFinite(seconds)) ahead = seconds * 1000 - Date.now();
    },
  };
})();

const meshWords = () => document.querySelector("[data-second]").dataset;

// The same words as the server writes: at most two units, no seconds from 20 minutes on.
const ageInWords = (seconds) => {
  const words = meshWords();
  const fill = (text, values) => text.replace(/\{(\w)\}/g, (_, name) => values[name]);
  const whole = Math.max(0, Math.floor(seconds));
  const [s, m, h, d] = [whole % 60, Math.floor(whole / 60) % 60, Math.floor(whole / 3600) % 24, Math.floor(whole / 86400)];
  if (whole < 60) return fill(words.second, { s });
  if (whole < 3600) return fill(s === 0 || m >= 20 ? words.minute : words.minuteSecond, { m, s });
  if (whole < 86400) return fill(m ? words.hourMinute : words.hour, { h, m });
  return fill(h ? words.dayHour : words.day, { d, h });
};

const boardMoment = () => document.getElementById("board-moment")?.dataset;

// A source that has not answered for longer than it may turns dashed here too: no new frame may come to say so.
const turnSilent = (chip) => {
  const age = chip.querySelector("[data-epoch]");
  if (!age || !chip.classList.contains("is-ok") || meshClock.now() - age.dataset.epoch <= chip.dataset.limit) return;
  chip.classList.replace("is-ok", "is-unknown");
  const use = chip.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace("#ok", "#unknown"));
  chip.querySelector(".visually-hidden").textContent = `${meshWords().unknown} `;
  const [before, after] = meshWords().silent.split("{age}");
  chip.querySelector(".mp-age").replaceChildren(before, age, after);
};

// 0 fresh; 1 older than two periods: hatched; 2 older than five: the page says so first.
const staleness = () => {
  const moment = boardMoment();
  if (!moment) return 0;
  const age = meshClock.now() - moment.taken;
  return age > 5 * moment.period ? 2 : age > 2 * moment.period ? 1 : 0;
};

const showAges = () => {
  const moment = boardMoment();
  document.querySelectorAll("[data-epoch]").forEach((age) => {
    age.textContent = ageInWords(meshClock.now() - age.dataset.epoch);
  });
  document.querySelectorAll("[data-limit]").forEach(turnSilent);
  if (!moment) return;
  document.querySelectorAll("[data-look]").forEach((age) => {
    age.textContent = ageInWords(meshClock.now() - moment.taken);
  });
  const level = staleness();
  document.querySelectorAll("[data-hatch]").forEach((tile) => tile.classList.toggle("mp-stale-ground", level > 0));
  const shown = { now: level === 0, fresh: level < 2, stale: level > 0, old: level === 2 };
  document.querySelectorAll("[data-when]").forEach((part) => {
    part.hidden = !shown[part.dataset.when];
  });
  // A page that has lost its server knows nothing of the observer, so it does not blame it.
  const lost = document.getElementById("lost");
  const silent = level === 2 && lost.hidden;
  const banner = document.getElementById("board-old");
  if (banner && banner.hidden && silent) speak([banner.textContent.trim()]);
  if (banner) banner.hidden = !silent;
};

// Transitions only, never ticks: a reader of screens must not hear the same board every five seconds.
const speak = (sentences) => {
  if (sentences.length) document.getElementById("announcer").textContent = sentences.slice(0, 5).join(". ");
};

document.addEventListener("DOMContentLoaded", () => {
  const moment = boardMoment();
  if (moment) meshClock.set(Number(moment.now));
  showAges();
  setInterval(showAges, 1000);
});
