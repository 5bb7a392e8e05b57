// The loss curve.

import { h, svg } from "./dom.js";

const WIDTH = 240;
const HEIGHT = 56;
const LINES = [["whole", "loss"], ["content", "content_loss"], ["style", "style_loss"]];

/** Build a curve; show(losses) draws entries of { iteration, total, scale, loss, content_loss, style_loss }. */
export function makeCurve() {
  const paths = LINES.map(([name]) => svg(`path.${name}`));
  const scales = svg("g");
  const picture = svg("svg.curve", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": "Loss so far" }, scales, paths);
  const key = h("div.curve-key", { "aria-hidden": "true" }, [["whole", "loss"], ["style", "style"], ["content", "content"]].map(([name, words]) => h(`span.${name}`, {}, h("i"), words)));

  function show(losses) {
    const points = losses.filter(({ loss }) => loss > 0);
    if (points.length < 2) return;
    const [first, last] = [points[0].iteration, points.at(-1).iteration];
    const x = ({ iteration }) => ((iteration - first) / Math.max(1, last - first)) * WIDTH;
    const y = heights(points);
    LINES.forEach(([, field], index) => paths[index].setAttribute("d", lineOf(points, field, x, y)));
    scales.replaceChildren(...boundaries(points).map((point) => svg("line", { x1: String(x(point)), x2: String(x(point)), y1: "0", y2: String(HEIGHT) })));
    picture.setAttribute("aria-label", `Loss so far: from ${points[0].loss.toPrecision(3)} to ${points.at(-1).loss.toPrecision(3)}`);
  }

  return { element: h("div.curve-box", {}, picture, key), show };
}

/** Losses fall by orders of magnitude, so heights are logarithmic. */
function heights(points) {
  const values = points.flatMap((point) => LINES.map(([, field]) => point[field])).filter((value) => value > 0).map(Math.log);
  const low = Math.max(Math.min(...values), Math.max(...values) - Math.log(1e4));
  const high = Math.max(...values);
  return (value) => HEIGHT - 2 - (HEIGHT - 4) * (high > low ? Math.max(0, Math.log(value) - low) / (high - low) : 0.5);
}

function lineOf(points, field, x, y) {
  const drawn = points.filter((point) => point[field] > 0);
  return drawn.map((point, index) => `${index ? "L" : "M"}${x(point).toFixed(1)} ${y(point[field]).toFixed(1)}`).join("");
}

function boundaries(points) {
  return points.filter((point, index) => index && point.scale !== points[index - 1].scale);
}
