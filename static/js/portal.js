/* Small things that every page has: menus that close, the summary of errors that takes the focus, requests that fail aloud. */
"use strict";

// A menu is a <details>: it opens without script. This closes it on Escape, on a click elsewhere, and when another one opens.
const openMenus = () => document.querySelectorAll("details.mp-menu[open]");

document.addEventListener("click", (event) => {
  openMenus().forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  openMenus().forEach((menu) => {
    const inside = menu.contains(document.activeElement);
    menu.open = false;
    if (inside) menu.querySelector("summary").focus();
  });
});

const focusErrors = (root) => {
  const summary = root.querySelector(".mp-errors");
  if (summary) summary.focus();
};

// A message from the server stays; the one about a failed request goes as soon as a request works again.
const tellFailure = () => {
  const region = document.getElementById("messages");
  if (!region || region.querySelector("[data-request-failed]")) return;
  const note = document.getElementById("request-failed").content.firstElementChild.cloneNode(true);
  note.dataset.requestFailed = "";
  region.append(note);
};

document.addEventListener("DOMContentLoaded", () => {
  focusErrors(document);
  document.body.addEventListener("htmx:responseError", tellFailure);
  document.body.addEventListener("htmx:sendError", tellFailure);
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) document.querySelectorAll("[data-request-failed]").forEach((note) => note.remove());
  });
  document.body.addEventListener("htmx:afterSwap", (event) => focusErrors(event.detail.target));
});
