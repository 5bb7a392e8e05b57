// The chart of the losses while a job runs.

import { h, svg } from "../lib/dom.js";
import { shortNumber } from "../lib/format.js";

const WIDTH = 240;
const HEIGHT = 56;
const MARGIN = 2;
const MAX_RATIO = 1e4; // smaller losses than the largest divided by this are drawn at the bottom
const LINES = [
  { name: "total", field: "loss", label: "loss" },
  { name: "style", field: "style_loss", label: "style" },
  { name: "content", field: "content_loss", label: "content" },
];

/** Create a chart; show(losses) draws { iteration, scale, loss, content_loss, style_loss }. */
export function createLossChart() {
  const paths = LINES.map(({ name }) => svg(`path.${name}`));
  const boundaries = svg("g");
  const chart = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" }, boundaries, paths);
  const legend = h("div.loss-legend", { "aria-hidden": "true" }, LINES.map(({ name, label }) => h(`span.${name}`, {}, h("i"), label)));
  const element = h("div.loss-chart.empty", {}, chart, legend);

  function show(losses) {
    const points = losses.filter(({ loss }) => loss > 0);
    element.classList.toggle("empty", points.length < 2);
    if (points.length < 2) return;
    const x = horizontal(points);
    const y = vertical(points);
    LINES.forEach(({ field }, index) => paths[index].setAttribute("d", pathData(points, field, x, y)));
    const starts = points.filter(({ scale }, index) => index && scale !== points[index - 1].scale);
    boundaries.replaceChildren(...starts.map((point) => svg("line", { x1: String(x(point)), x2: String(x(point)), y1: "0", y2: String(HEIGHT) })));
    chart.setAttribute("aria-label", `The loss went from ${shortNumber(points[0].loss)} to ${shortNumber(points.at(-1).loss)}`);
  }

  return { element, show };
}

function horizontal(points) {
  const [first, last] = [points[0].iteration, points.at(-1).iteration];
  return ({ iteration }) => ((iteration - first) / Math.max(1, last - first)) * WIDTH;
}

// Logarithmic, because losses fall by orders of magnitude.
function vertical(points) {
  const values = points.flatMap((point) => LINES.map(({ field }) => point[field])).filter((value) => value > 0);
  const high = Math.log(Math.max(...values));
  const low = Math.max(Math.log(Math.min(...values)), high - Math.log(MAX_RATIO));
  const height = (value) => (high > low ? Math.max(0, Math.log(value) - low) / (high - low) : 0.5);
  return (value) => HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * height(value);
}

function pathData(points, field, x, y) {
  const drawn = points.filter((point) => point[field] > 0);
  return drawn.map((point, index) => `${index ? "L" : "M"}${x(point).toFixed(1)} ${y(point[field]).toFixed(1)}`).join("");
}
