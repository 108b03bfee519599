"use strict";
// Draws equity and distributions with the theme's Chart.js, in the theme's colours; the same figures stand in tables.

function themed(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axes(more) {
  const ticks = { color: themed("--soft"), font: { size: 11 } };
  return {
    x: { border: { display: false }, grid: { display: false }, ...more, ticks: { ...ticks, maxRotation: 0, autoSkipPadding: 12, ...more.ticks } },
    y: { border: { display: false }, grid: { color: themed("--line") }, ticks: { ...ticks, maxTicksLimit: 6 } },
  };
}

function equityChart(lines) {
  const day = new Intl.DateTimeFormat("en-CA", { timeZone: "America/New_York" });
  return {
    type: "line",
    data: {
      datasets: [["Break-even leg", "be", "--info", []], ["Original stop", "stop", "--warn", [5, 4]]].map(([label, key, line, dash]) => ({
        label, data: lines[key], borderColor: themed(line), backgroundColor: themed(line), borderDash: dash,
        borderWidth: 2, pointRadius: 0, pointHitRadius: 12, stepped: true,
      })),
    },
    options: {
      animation: false, maintainAspectRatio: false, interaction: { mode: "nearest", axis: "x", intersect: false },
      plugins: { legend: { display: false }, tooltip: { callbacks: { title: (items) => day.format(items[0].parsed.x) } } },
      scales: axes({ type: "linear", ticks: { maxTicksLimit: 5, callback: (value) => day.format(value) } }),
    },
  };
}

function barChart(bars) {
  const colours = [themed("--info"), themed("--warn")];
  return {
    type: "bar",
    data: { labels: bars.labels, datasets: bars.sets.map((set, n) => ({ ...set, backgroundColor: colours[n], categoryPercentage: 0.9 })) },
    options: {
      animation: false, maintainAspectRatio: false,
      plugins: { legend: { display: false }, tooltip: { callbacks: { label: (item) => `${item.dataset.label}: ${item.parsed.y.toFixed(1)} %` } } },
      scales: axes({ ticks: { callback(value) { return this.getLabelForValue(value).split(" ")[0]; } } }),
    },
  };
}

function drawAnalysis() {
  const data = document.getElementById("analysis-data");
  if (!data) return;
  const told = JSON.parse(data.textContent);
  for (const canvas of document.querySelectorAll("[data-chart]")) {
    Chart.getChart(canvas)?.destroy();
    const kind = canvas.dataset.chart;
    new Chart(canvas, kind === "equity" ? equityChart(told.equity) : barChart(told[kind]));
  }
}

document.addEventListener("DOMContentLoaded", () => {
  drawAnalysis();
  new MutationObserver(drawAnalysis).observe(document.documentElement, { attributeFilter: ["class"] });
});
document.addEventListener("htmx:afterSwap", (event) => { if (event.target.id === "live") drawAnalysis(); });
