"use strict";
// The console works without this file; with it, pages follow what happens, texts can be copied, menus take keys.

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
document.addEventListener("htmx:sendError", () => stale(true));
document.addEventListener("htmx:responseError", () => stale(true));
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

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-all]")) return;
  for (const box of document.querySelectorAll(`input[name="${event.target.dataset.all}"]`)) box.checked = event.target.checked;
});

// A filter's list stays inside the screen, and closes by Escape and by a click beside it.
document.addEventListener("toggle", (event) => {
  const list = event.target.matches(".pick[open]") && event.target.querySelector("fieldset");
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
