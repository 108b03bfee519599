"use strict";
// The console works without this file; with it, pages follow what happens, texts can be copied, menus take keys.

// Pages follow what happens: told by the server that something changed where it can tell, else by asking again and again.
const follow = { source: null, heard: 0, asked: 0, shown: 0, stale: false, again: 0, timer: 0 };
const ASK_AGAIN = 30000; // ms; distances of time grow old though nothing changes
const AT_MOST = 2000; // ms between two refreshes
const FIRST_WORD = 5000; // ms; later, something in between keeps what it should pass on
const SILENT = 40000; // ms; the server says every 15 s that it is there
const REFUSED = 60000; // ms until the server is asked again whether it can tell

function unfollow(pause) {
  if (follow.source) follow.source.close();
  follow.source = null;
  follow.again = Date.now() + pause;
}

function followChanges() {
  const part = document.getElementById("live");
  const at = document.querySelector("[data-changes]");
  if (follow.source || !part || !at || document.hidden || !window.EventSource || Date.now() < follow.again) return;
  const source = (follow.source = new EventSource(at.dataset.changes));
  follow.heard = 0;
  follow.asked = Date.now();
  for (const name of ["begin", "still", "changed"]) source.addEventListener(name, () => { follow.heard = Date.now(); });
  source.addEventListener("once", () => unfollow(REFUSED)); // nothing here can go on telling
  source.addEventListener("changed", () => {
    follow.stale = true;
    clearTimeout(follow.timer);
    follow.timer = setTimeout(refreshChanged, Math.max(0, follow.shown + AT_MOST - Date.now()));
  });
  source.onerror = () => { // the browser comes again by itself, but where it was refused
    if (follow.source !== source) return;
    follow.heard = 0;
    follow.asked = Date.now();
    if (source.readyState === EventSource.CLOSED) unfollow(REFUSED);
  };
}

function refreshChanged() {
  const part = document.getElementById("live");
  if (follow.stale && part && consoleIdle(part)) document.dispatchEvent(new Event("consolevisible"));
}

// Whether it is time to ask: as long as the server tells of changes, only for those that could not be shown at once.
function consoleDue(part) {
  const now = Date.now();
  if (follow.source && now - Math.max(follow.heard, follow.asked) > (follow.heard ? SILENT : FIRST_WORD)) unfollow(REFUSED);
  followChanges();
  const told = follow.source && follow.heard;
  return consoleIdle(part) && (!told || follow.stale || now - follow.shown > ASK_AGAIN);
}

document.addEventListener("DOMContentLoaded", () => { follow.shown = Date.now(); followChanges(); });
document.addEventListener("visibilitychange", () => { if (document.hidden) unfollow(0); else followChanges(); });
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.target.id !== "live") return;
  follow.shown = Date.now();
  follow.stale = false;
});

// Whether a live part may be replaced now: not while hidden, nor while somebody is in it or has chosen rows.
function consoleIdle(part) {
  return !document.hidden && !part.contains(document.activeElement) && !part.querySelector(":checked:not(option)");
}

function stale(yes) {
  const note = document.getElementById("stale");
  if (note) note.hidden = !yes;
}

document.addEventListener("visibilitychange", () => {
  const part = document.getElementById("live");
  if (part && consoleIdle(part)) document.dispatchEvent(new Event("consolevisible"));
});
for (const failed of ["htmx:sendError", "htmx:responseError"]) document.addEventListener(failed, () => {
  follow.stale = true;
  stale(true);
});
document.addEventListener("htmx:afterSwap", () => stale(false));
// Somebody may have chosen rows, or come into the part, while its answer was on the way.
document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  if (part.id === "live" && !consoleIdle(part)) event.detail.shouldSwap = false;
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    document.execCommand("copy"); // over plain HTTP browsers offer nothing else
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

// The guided start sends its own alert, to this server's webhook, as any sender would.
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("[data-post]")) button.hidden = false;
});
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-post]");
  if (!button) return;
  button.disabled = true;
  const body = document.getElementById(button.dataset.post).value;
  const said = document.getElementById("posted");
  try {
    const answer = await fetch(button.dataset.to, { method: "POST", body, credentials: "omit" });
    said.textContent = `The webhook answered ${answer.status}: ${await answer.text()}`;
  } catch {
    said.textContent = "The webhook did not answer. Does the server still run?";
  }
  button.disabled = false;
  document.dispatchEvent(new Event("consolevisible"));
});

// For those who want their times in the browser's zone.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes(`zone=${zone}`)) document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-all]")) return;
  for (const box of document.querySelectorAll(`input[name="${event.target.dataset.all}"]`)) box.checked = event.target.checked;
});

// A filter's list stays inside the screen, and closes by Escape and by a click beside it.
document.addEventListener("toggle", (event) => {
  const list = event.target.matches(".pick[open]") && event.target.querySelector(":scope > :is(fieldset, form)");
  if (!list) return;
  list.style.translate = "";
  const over = list.getBoundingClientRect().right - document.documentElement.clientWidth + 8;
  if (over > 0) list.style.translate = `${-over}px`;
}, true);
document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll(".pick[open]")) if (!open.contains(event.target)) open.open = false;
});
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector(".pick[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});

// The theme's menus are plain elements with a click; give them a role, a name and the keys of a button.
document.addEventListener("DOMContentLoaded", () => {
  // The theme looks for a text field beside every file field and fails without one: our file fields are plain ones.
  for (const field of document.querySelectorAll(".console input[type=file]")) field.hasChangeListener = true;
  const names = { dock_to_right: "Navigation", close: "Close navigation", chevron_right: "Open or close" };
  for (const part of document.querySelectorAll("[x-on\\:click]:not(a[href], button, input, [role])")) {
    if (part.querySelector("input, button, a")) continue;
    part.setAttribute("role", "button");
    part.tabIndex = 0;
    const name = names[part.textContent.trim()];
    if (name) part.setAttribute("aria-label", name);
    part.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      part.click();
    });
  }
});

// Keys: / searches, ? shows them all, g and a letter lead to a page. None does anything where a field takes keys.
const WAIT_FOR_SECOND = 1500; // ms
let goes = 0;

function goTo(link) {
  if (link) link.click();
  return Boolean(link);
}

function pressed(key) {
  const dialog = document.getElementById("keys");
  if (Date.now() - goes < WAIT_FOR_SECOND) {
    goes = 0;
    return goTo([...dialog.querySelectorAll("[data-go]")].find((link) => link.dataset.go === key));
  }
  if (key === "g") { goes = Date.now(); return true; }
  if (key === "?") { dialog.showModal(); return true; }
  if (key === "/") {
    const field = document.getElementById("search");
    field.focus();
    field.select();
    return true;
  }
  const way = { n: "next", p: "prev" }[key];
  return Boolean(way) && goTo(document.querySelector(`.pager a[rel=${way}]`));
}

document.addEventListener("keydown", (event) => {
  const dialog = document.getElementById("keys");
  if (!dialog || dialog.open || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input, textarea, select, [contenteditable], [role=menu], dialog")) return;
  if (pressed(event.key)) event.preventDefault();
});
document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("show-keys");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => document.getElementById("keys").showModal());
});
