"use strict";
// The chart of a signal tells the values of a bar: under the pointer, under a finger, or by the slider's keys.
// Without this file a pointer is still told by the browser, and the moves are plain links.

function readerOf(root) {
  const reader = root.querySelector(".reader");
  const svg = root.querySelector(".plot svg");
  if (!reader || !svg) return null;
  const candles = [...svg.querySelectorAll(".candle")];
  return { reader, svg, candles, slider: reader.querySelector("input"), output: reader.querySelector("output") };
}

function readBar(part, place) {
  const candle = part.candles[place];
  if (!candle) return;
  const cross = part.svg.querySelector(".cross");
  const says = candle.querySelector("title").textContent;
  cross.setAttribute("x1", candle.dataset.x);
  cross.setAttribute("x2", candle.dataset.x);
  cross.removeAttribute("hidden");
  part.slider.value = place;
  part.slider.setAttribute("aria-valuetext", says);
  part.output.textContent = says;
}

// The candle nearest to where the pointer is, by the chart's own units.
function placeUnder(part, event) {
  const box = part.svg.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * part.svg.viewBox.baseVal.width;
  let best = 0;
  part.candles.forEach((candle, place) => {
    if (Math.abs(candle.dataset.x - x) < Math.abs(part.candles[best].dataset.x - x)) best = place;
  });
  return best;
}

function showReader() {
  const part = readerOf(document);
  if (part) part.reader.hidden = false;
}

document.addEventListener("DOMContentLoaded", showReader);
document.addEventListener("htmx:afterSwap", showReader);
document.addEventListener("input", (event) => {
  if (event.target.id === "chart-bar") readBar(readerOf(document), Number(event.target.value));
});
for (const kind of ["pointermove", "pointerdown"]) {
  document.addEventListener(kind, (event) => {
    const svg = event.target.closest && event.target.closest(".plot svg");
    const part = svg && readerOf(document);
    if (part && part.candles.length) readBar(part, placeUnder(part, event));
  });
}
// + - , . 0 follow the links of the same keys, where no field takes them.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const link = [...document.querySelectorAll(".moves [data-key]")].find((each) => each.dataset.key === event.key);
  if (link) link.click();
});
