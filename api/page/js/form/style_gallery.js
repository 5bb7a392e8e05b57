// The styles to choose from: built-in and uploaded ones, one alone or several mixed.

import { byId, h } from "../lib/dom.js";
import { toast } from "../shell/toasts.js";
import { reportErrors } from "../state/errors.js";
import { pickFiles } from "./file_inputs.js";

const DEFAULT_WEIGHT = 1;

/** Show the styles and the weights of mixed ones. */
export function mountStyleGallery(store) {
  const gallery = byId("styles");
  const mix = byId("mix");

  function choose(style, checked) {
    if (!mix.checked) return store.chosenStyles.set([style]);
    const others = store.chosenStyles.get().filter(({ id }) => id !== style.id);
    const max = store.limits.get().max_styles;
    if (checked && others.length < max) return store.chosenStyles.set([...others, { ...style, weight: DEFAULT_WEIGHT }]);
    if (!checked && others.length) return store.chosenStyles.set(others);
    if (checked) toast(`You can mix up to ${max} styles.`);
    return draw(); // checks the last style again, or unchecks the one too many
  }

  function draw() {
    const focusedId = document.activeElement?.dataset?.style;
    const chosen = store.chosenStyles.get();
    const isChosen = (style) => chosen.some(({ id }) => id === style.id);
    const tiles = store.styles.get().map((style) => tile(style, { checked: isChosen(style), mix: mix.checked, choose, store }));
    gallery.replaceChildren(...tiles, uploadTile(store));
    if (focusedId) gallery.querySelector(`[data-style="${CSS.escape(focusedId)}"]`)?.focus();
    byId("style-summary").textContent = summary(chosen);
  }

  mix.addEventListener("change", () => {
    if (!mix.checked) store.chosenStyles.set(store.chosenStyles.get().slice(0, 1));
    draw();
  });
  store.styles.watch(draw);
  store.chosenStyles.watch((chosen) => {
    if (chosen.length > 1) mix.checked = true;
    draw();
    drawWeights(store, chosen);
  });
}

function tile(style, { checked, mix, choose, store }) {
  const input = h("input", {
    type: mix ? "checkbox" : "radio",
    name: "style",
    "data-style": style.id,
    "aria-label": style.title,
    title: style.title,
    checked,
    onchange: (event) => choose(style, event.target.checked),
  });
  const remove = style.image && h("button.remove", {
    type: "button", "aria-label": `Remove ${style.title}`, onclick: () => store.removeStyle(style),
  }, "×");
  return h("div.tile", {}, input, h("span.tile-image", {}, thumbnail(style) ?? style.title), remove);
}

function uploadTile(store) {
  const onFiles = (files) => files.forEach((file) => reportErrors(() => store.addStyle(file)));
  const onclick = () => pickFiles({ multiple: true, onFiles });
  return h("div.tile", {}, h("button.upload", { type: "button", id: "upload-style", onclick }, h("b", { "aria-hidden": "true" }, "+"), "Your own"));
}

function thumbnail(style) {
  return style.thumbnail ? h("img", { src: style.thumbnail, alt: "" }) : null;
}

function summary(chosen) {
  if (chosen.length !== 1) return chosen.map(({ title }) => title).join(" + ");
  const [{ title, summary: text }] = chosen;
  return text.startsWith(title) ? text : `${title}. ${text}`;
}

function drawWeights(store, chosen) {
  const box = byId("style-weights");
  const shown = chosen.map(({ id }) => id).join();
  box.hidden = chosen.length < 2;
  if (box.dataset.shown === shown) return; // a slider that moves must not be replaced
  box.dataset.shown = shown;
  box.replaceChildren(...chosen.map((style) => weightRow(store, style)));
}

function weightRow(store, style) {
  const weight = style.weight ?? DEFAULT_WEIGHT;
  const output = h("output", {}, `× ${weight}`);
  const range = h("input", {
    type: "range", min: "0", max: "2", step: "0.1", value: String(weight), "aria-label": `Weight of ${style.title}`,
    oninput() {
      output.textContent = `× ${range.valueAsNumber}`;
      const weighted = (each) => (each.id === style.id ? { ...each, weight: range.valueAsNumber } : each);
      store.chosenStyles.set(store.chosenStyles.get().map(weighted));
    },
  });
  return h("label", {}, thumbnail(style) ?? h("span"), range, output);
}
