"use strict";
// Draws the trends with the theme's Chart.js, in the theme's colours; the same figures stand in a table below.

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function trendSets(kind) {
  if (kind === "health") return [["Health", "health", "--info", []]];
  return [["Actionable", "actionable", "--bad", []], ["Waiting", "waiting", "--soft", [5, 4]]];
}

function drawTrend(canvas, data) {
  Chart.getChart(canvas)?.destroy();
  const labels = new Map(data.ticks.map((tick) => [tick.x, tick.text]));
  const ticks = { color: colour("--soft"), font: { size: 11 } };
  new Chart(canvas, {
    type: "line",
    data: {
      datasets: trendSets(canvas.dataset.trend).map(([label, key, line, dash]) => ({
        label,
        data: data.points.filter((point) => point[key] !== null).map((point) => ({ x: point.x, y: point[key], at: point.at })),
        borderColor: colour(line), backgroundColor: colour(line), borderDash: dash, borderWidth: 2,
        pointRadius: data.points.length > 40 ? 0 : 2, pointHitRadius: 12, spanGaps: data.gap,
      })),
    },
    options: {
      animation: false, maintainAspectRatio: false, interaction: { mode: "nearest", axis: "x", intersect: false },
      plugins: { legend: { display: false }, tooltip: { callbacks: { title: (items) => `${items[0].raw.at} ${data.zone}` } } },
      scales: {
        x: { type: "linear", min: data.from, max: data.to, border: { display: false }, grid: { display: false }, ticks: { ...ticks, maxRotation: 0, autoSkipPadding: 12, callback: (value) => labels.get(value) }, afterBuildTicks: (axis) => { axis.ticks = data.ticks.map((tick) => ({ value: tick.x })); } },
        y: { min: 0, ...(canvas.dataset.trend === "health" && { max: 100 }), border: { display: false }, grid: { color: colour("--line") }, ticks: { ...ticks, precision: 0, maxTicksLimit: 6 } },
      },
    },
  });
}

function drawTrends() {
  const data = document.getElementById("trend-data");
  if (!data) return;
  for (const canvas of document.querySelectorAll("[data-trend]")) drawTrend(canvas, JSON.parse(data.textContent));
}

document.addEventListener("DOMContentLoaded", () => {
  drawTrends();
  new MutationObserver(drawTrends).observe(document.documentElement, { attributeFilter: ["class"] });
});
document.addEventListener("htmx:afterSwap", (event) => { if (event.target.querySelector("[data-trend]")) drawTrends(); });
