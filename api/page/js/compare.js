// Photo and painting over each other with a line between them, and a closer look at both.

import { h } from "./dom.js";

const STEP = 0.05;
const REST = 0.35;
const MOST = 8; // screen pixels for one of the picture, or times the whole picture's size for small ones

/** Build the comparison of a photo and a painting of `width` × `height` pixels. */
export function compareView({ before, after, width, height }) {
  const photo = h("img", { src: before, alt: "The photo", draggable: false });
  const painting = h("img.painting", { src: after, alt: "The painting", draggable: false });
  const sheet = h("div.sheet", {}, painting, photo);
  const divider = h("div.divider", {
    role: "slider", tabindex: "0", "aria-label": "Share that shows the photo", "aria-valuemin": "0", "aria-valuemax": "100",
  });
  const element = h("div.compare", {}, sheet, divider);
  const state = { share: REST, zoom: 1, x: 0, y: 0, fit: 1 };

  function draw() {
    const { clientWidth: w, clientHeight: t } = element;
    const pad = Math.min(w, t) * 0.04;
    state.fit = Math.min((w - 2 * pad) / width, (t - 2 * pad) / height);
    const scale = state.fit * state.zoom;
    const [wide, high] = [width * scale, height * scale];
    state.x = held(state.x, wide, w);
    state.y = held(state.y, high, t);
    const [left, top] = [(w - wide) / 2 + state.x, (t - high) / 2 + state.y];
    Object.assign(sheet.style, { width: `${wide}px`, height: `${high}px`, transform: `translate(${left}px, ${top}px)` });
    const [from, to] = [Math.max(0, left), Math.min(w, left + wide)];
    const line = from + state.share * (to - from);
    Object.assign(divider.style, { left: `${line}px`, top: `${Math.max(0, top)}px`, height: `${Math.min(t, top + high) - Math.max(0, top)}px` });
    const cut = ((line - left) / wide) * 100;
    photo.style.clipPath = `inset(0 ${100 - cut}% 0 0)`;
    painting.style.clipPath = `inset(0 0 0 ${cut}%)`;
    sheet.classList.toggle("pixels", state.zoom > 1 && scale > 2);
    element.classList.toggle("zoomed", state.zoom > 1);
    divider.setAttribute("aria-valuenow", String(Math.round(state.share * 100)));
    divider.setAttribute("aria-valuetext", `${Math.round(state.share * 100)} % photo`);
    zoom.show(scale);
    return { from, to };
  }

  function setShare(share) {
    state.share = Math.min(1, Math.max(0, share));
    draw();
  }

  function setZoom(factor, at = { x: element.clientWidth / 2, y: element.clientHeight / 2 }) {
    const next = Math.min(Math.max(1, factor), Math.max(MOST / state.fit, MOST));
    const ratio = next / state.zoom;
    state.x = (at.x - element.clientWidth / 2) * (1 - ratio) + state.x * ratio;
    state.y = (at.y - element.clientHeight / 2) * (1 - ratio) + state.y * ratio;
    state.zoom = next;
    draw();
  }

  const zoom = zoomButtons({ closer: () => setZoom(state.zoom * 1.5), away: () => setZoom(state.zoom / 1.5), toggle: () => setZoom(state.zoom > 1 ? 1 : 1 / state.fit) });
  const surface = { element, divider, state, draw, setShare, setZoom };
  handlePointers(surface);
  handleKeys(surface);
  new ResizeObserver(draw).observe(element);
  return { elements: [element, zoom.element] };
}

/** Keep a sheet from being pushed out of sight. */
function held(offset, size, room) {
  const most = Math.max(0, (size - room) / 2 + 40);
  return size <= room ? 0 : Math.min(most, Math.max(-most, offset));
}

function zoomButtons({ closer, away, toggle }) {
  const value = h("button.value", { type: "button", title: "Whole picture or single pixels", onclick: toggle });
  const minus = h("button", { type: "button", "aria-label": "Zoom out", onclick: away }, "−");
  const plus = h("button", { type: "button", "aria-label": "Zoom in", onclick: closer }, "+");
  const show = (scale) => {
    value.textContent = `${Math.round(scale * 100)} %`;
    value.setAttribute("aria-label", `Zoom ${Math.round(scale * 100)} %, whole picture or single pixels`);
  };
  return { element: h("div.zoom", { role: "group", "aria-label": "Zoom" }, minus, value, plus), show };
}

function handleKeys({ divider, state, setShare, setZoom }) {
  const moves = { ArrowLeft: -STEP, ArrowDown: -STEP, ArrowRight: STEP, ArrowUp: STEP, PageDown: -4 * STEP, PageUp: 4 * STEP };
  divider.addEventListener("keydown", (event) => {
    const { key } = event;
    if (key in moves) setShare(state.share + moves[key]);
    else if (key === "Home") setShare(0);
    else if (key === "End") setShare(1);
    else if (key === "+" || key === "=") setZoom(state.zoom * 1.5);
    else if (key === "-") setZoom(state.zoom / 1.5);
    else if (key === "0") setZoom(1);
    else return;
    event.preventDefault();
  });
}

function handlePointers({ element, divider, state, draw, setShare, setZoom }) {
  const pointers = new Map();
  const place = ({ clientX, clientY }) => {
    const box = element.getBoundingClientRect();
    return { x: clientX - box.left, y: clientY - box.top };
  };
  const moveLine = (point) => {
    const { from, to } = draw();
    setShare((point.x - from) / (to - from));
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    const onLine = event.target === divider || state.zoom === 1;
    element.dataset.drag = onLine ? "line" : "sheet";
    if (onLine && event.target !== divider) moveLine(place(event));
    element.classList.toggle("panning", !onLine);
  });
  element.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) pinch(before, now, other, { state, setZoom });
    else if (element.dataset.drag === "line") moveLine(now);
    else drag(before, now, { state, draw });
    pointers.set(event.pointerId, now);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    element.addEventListener(end, (event) => {
      pointers.delete(event.pointerId);
      element.classList.remove("panning");
    });
  }
  element.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && state.zoom === 1) return; // the page scrolls
    event.preventDefault();
    setZoom(state.zoom * 1.0015 ** -event.deltaY, place(event));
  }, { passive: false });
}

function pinch(before, now, other, { state, setZoom }) {
  const distance = (point) => Math.hypot(point.x - other.x, point.y - other.y);
  setZoom((state.zoom * distance(now)) / Math.max(1, distance(before)), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
}

function drag(before, now, { state, draw }) {
  state.x += now.x - before.x;
  state.y += now.y - before.y;
  draw();
}
