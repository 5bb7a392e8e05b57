// Shows the photo and the result on top of each other, with a divider between them, and zooms into both.

import { h } from "../lib/dom.js";
import { percent } from "../lib/format.js";

const INITIAL_SHARE = 0.35;
const MAX_ZOOM = 8; // screen pixels per image pixel, or times the fitted size where that is larger
const ZOOM_STEP = 1.5;
const PADDING = 0.04; // of the shorter side
const OVERPAN_PIXELS = 40;

/** Build the slider for a photo and a result of `width` × `height` pixels. */
export function compareSlider({ before, after, width, height }) {
  const photo = h("img", { src: before, alt: "The photo", draggable: "false" });
  const result = h("img", { src: after, alt: "The result", draggable: "false" });
  const images = h("div.images", {}, result, photo);
  // The range input makes the divider usable by keyboard and screen reader.
  const range = h("input.visually-hidden", { type: "range", min: "0", max: "100", "aria-label": "Share of the photo", oninput: () => setShare(range.valueAsNumber / 100) });
  const divider = h("div.divider", { "aria-hidden": "true" });
  const element = h("div.compare", {}, images, range, divider);
  const state = { share: INITIAL_SHARE, zoom: 1, x: 0, y: 0, fit: 1 };
  let track = { from: 0, to: 1 };

  function draw() {
    const { clientWidth, clientHeight } = element;
    const padding = 2 * PADDING * Math.min(clientWidth, clientHeight);
    state.fit = Math.min((clientWidth - padding) / width, (clientHeight - padding) / height);
    const scale = state.fit * state.zoom;
    const size = { width: width * scale, height: height * scale };
    state.x = limitPan(state.x, size.width, clientWidth);
    state.y = limitPan(state.y, size.height, clientHeight);
    const left = (clientWidth - size.width) / 2 + state.x;
    const top = (clientHeight - size.height) / 2 + state.y;
    Object.assign(images.style, { width: `${size.width}px`, height: `${size.height}px`, transform: `translate(${left}px, ${top}px)` });
    track = { from: Math.max(0, left), to: Math.min(clientWidth, left + size.width) };
    drawDivider({ left, top, size, clientHeight });
    images.classList.toggle("pixelated", state.zoom > 1 && scale > 2);
    element.classList.toggle("zoomed", state.zoom > 1);
    zoomControls.show(scale);
  }

  function drawDivider({ left, top, size, clientHeight }) {
    const x = track.from + state.share * (track.to - track.from);
    const y = Math.max(0, top);
    Object.assign(divider.style, { left: `${x}px`, top: `${y}px`, height: `${Math.min(clientHeight, top + size.height) - y}px` });
    const cut = (100 * (x - left)) / size.width;
    photo.style.clipPath = `inset(0 ${100 - cut}% 0 0)`;
    result.style.clipPath = `inset(0 0 0 ${cut}%)`;
    range.value = String(Math.round(100 * state.share));
    range.setAttribute("aria-valuetext", `${percent(state.share)} photo`);
  }

  function setShare(share) {
    state.share = Math.min(1, Math.max(0, share));
    draw();
  }

  function setZoom(factor, at = { x: element.clientWidth / 2, y: element.clientHeight / 2 }) {
    const zoom = Math.min(Math.max(1, factor), Math.max(MAX_ZOOM / state.fit, MAX_ZOOM));
    const ratio = zoom / state.zoom;
    state.x = (at.x - element.clientWidth / 2) * (1 - ratio) + state.x * ratio;
    state.y = (at.y - element.clientHeight / 2) * (1 - ratio) + state.y * ratio;
    state.zoom = zoom;
    draw();
  }

  function pan(x, y) {
    state.x += x;
    state.y += y;
    draw();
  }

  const zoomControls = createZoomControls({
    zoomOut: () => setZoom(state.zoom / ZOOM_STEP),
    zoomIn: () => setZoom(state.zoom * ZOOM_STEP),
    toggle: () => setZoom(state.zoom > 1 ? 1 : 1 / state.fit),
  });
  const slider = { element, range, divider, state, pan, setZoom, moveDivider: ({ x }) => setShare((x - track.from) / (track.to - track.from)) };
  handlePointers(slider);
  handleWheel(slider);
  handleKeys(slider);
  new ResizeObserver(draw).observe(element);
  return { elements: [element, zoomControls.element] };
}

/** Limit how far an image can be moved, so that it stays in sight. */
function limitPan(offset, size, available) {
  if (size <= available) return 0;
  const max = (size - available) / 2 + OVERPAN_PIXELS;
  return Math.min(max, Math.max(-max, offset));
}

function createZoomControls({ zoomOut, zoomIn, toggle }) {
  const value = h("button.value", { type: "button", title: "Whole picture or single pixels", onclick: toggle });
  const minus = h("button", { type: "button", "aria-label": "Zoom out", onclick: zoomOut }, "−");
  const plus = h("button", { type: "button", "aria-label": "Zoom in", onclick: zoomIn }, "+");
  const show = (scale) => {
    value.textContent = percent(scale);
    value.setAttribute("aria-label", `Zoom ${percent(scale)}, whole picture or single pixels`);
  };
  return { element: h("div.zoom", { role: "group", "aria-label": "Zoom" }, minus, value, plus), show };
}

// The range input itself handles arrows, Home, End and the page keys.
function handleKeys({ range, state, setZoom }) {
  range.addEventListener("keydown", (event) => {
    if (event.key === "+" || event.key === "=") setZoom(state.zoom * ZOOM_STEP);
    else if (event.key === "-") setZoom(state.zoom / ZOOM_STEP);
    else if (event.key === "0") setZoom(1);
    else return;
    event.preventDefault();
  });
}

function handleWheel({ element, state, setZoom }) {
  element.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && state.zoom === 1) return; // the page scrolls
    event.preventDefault();
    setZoom(state.zoom * 1.0015 ** -event.deltaY, pointIn(element, event));
  }, { passive: false });
}

/** Drag the divider, or the images when zoomed; two pointers zoom. */
function handlePointers({ element, range, divider, state, pan, setZoom, moveDivider }) {
  const pointers = new Map();
  let dragsDivider = true;

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, pointIn(element, event));
    dragsDivider = event.target === divider || state.zoom === 1;
    element.classList.toggle("panning", !dragsDivider);
    // A touch may also be the start of scrolling or pinching.
    if (dragsDivider && event.target !== divider && event.pointerType !== "touch") moveDivider(pointIn(element, event));
  });
  element.addEventListener("pointermove", (event) => {
    const previous = pointers.get(event.pointerId);
    if (!previous) return;
    const point = pointIn(element, event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, point);
    if (other) setZoom((state.zoom * distance(point, other)) / Math.max(1, distance(previous, other)), middle(point, other));
    else if (dragsDivider) moveDivider(point);
    else pan(point.x - previous.x, point.y - previous.y);
  });
  for (const type of ["pointerup", "pointercancel"]) {
    element.addEventListener(type, (event) => {
      pointers.delete(event.pointerId);
      element.classList.remove("panning");
      range.focus({ preventScroll: true });
    });
  }
}

function pointIn(element, { clientX, clientY }) {
  const { left, top } = element.getBoundingClientRect();
  return { x: clientX - left, y: clientY - top };
}

function distance(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}

function middle(one, other) {
  return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
}
