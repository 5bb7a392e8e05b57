// The paintings to choose from: the built-in ones and the visitor's own; one, or several mixed.

import { byId, h } from "./dom.js";
import { pick } from "./intake.js";
import { release } from "./picture.js";

const EQUAL = 1;

/** Show the gallery; a style is { id, name, title, summary, thumb, picture } with `name` null for the visitor's own. */
export function showGallery(studio) {
  const box = byId("gallery");
  const mix = byId("mix");

  function choose(style, checked) {
    const others = studio.chosenStyles.get().filter(({ id }) => id !== style.id);
    if (!mix.checked) return studio.chosenStyles.set([style]);
    const most = studio.limits.get().max_styles;
    if (checked && others.length >= most) studio.tell(`At most ${most} paintings can be mixed.`);
    else if (checked) return studio.chosenStyles.set([...others, { ...style, weight: EQUAL }]);
    else if (others.length) return studio.chosenStyles.set(others);
    return draw(); // at least one stays chosen
  }

  function draw() {
    const focused = document.activeElement?.dataset?.style;
    const chosen = new Set(studio.chosenStyles.get().map(({ id }) => id));
    const tiles = studio.styles.get().map((style) => tile(style, chosen.has(style.id), { studio, mix: mix.checked, choose }));
    box.replaceChildren(...tiles, addTile(studio));
    if (tiles.length) performance.mark("usable");
    box.querySelector(`[data-style="${CSS.escape(focused ?? "")}"]`)?.focus();
    describe(studio.chosenStyles.get());
  }

  mix.addEventListener("change", () => {
    if (!mix.checked) studio.chosenStyles.set(studio.chosenStyles.get().slice(0, 1));
    draw();
  });
  studio.styles.watch(draw);
  studio.chosenStyles.watch((chosen) => {
    if (chosen.length > 1) mix.checked = true;
    draw();
    showBlend(studio, chosen);
  });
}

function tile(style, checked, { studio, mix, choose }) {
  const input = h("input", {
    type: mix ? "checkbox" : "radio",
    name: "style",
    "data-style": style.id,
    "aria-label": style.title,
    title: style.title,
    checked,
    onchange: (event) => choose(style, event.target.checked),
  });
  const face = h("span.face", {}, style.thumb ? h("img", { src: style.thumb, alt: "" }) : style.title);
  const remove = style.name === null && h("button.remove", {
    type: "button", "aria-label": `Remove ${style.title}`, onclick: () => removeStyle(studio, style),
  }, "×");
  return h("div.tile", {}, input, face, remove);
}

function addTile(studio) {
  const take = (files) => files.forEach((file) => studio.attempt(() => studio.takeStyle(file)));
  const onclick = () => pick({ multiple: true, onFiles: take });
  return h("div.tile", {}, h("button.add", { type: "button", id: "choose-style", onclick }, h("b", { "aria-hidden": "true" }, "+"), "Your own"));
}

function removeStyle(studio, style) {
  const left = studio.styles.get().filter(({ id }) => id !== style.id);
  const chosen = studio.chosenStyles.get().filter(({ id }) => id !== style.id);
  release(style.picture);
  studio.styles.set(left);
  studio.chosenStyles.set(chosen.length ? chosen : left.slice(0, 1));
}

function describe(chosen) {
  const [only] = chosen;
  const words = chosen.length > 1 ? chosen.map(({ title }) => title).join(" + ") : only ? summaryOf(only) : "";
  byId("style-words").textContent = words;
}

function summaryOf({ title, summary }) {
  return summary.startsWith(title) ? summary : `${title}. ${summary}`;
}

function showBlend(studio, chosen) {
  const box = byId("blend");
  box.hidden = chosen.length < 2;
  if (box.hidden) return box.replaceChildren();
  if (box.dataset.of === chosen.map(({ id }) => id).join()) return undefined;
  box.dataset.of = chosen.map(({ id }) => id).join();
  return box.replaceChildren(...chosen.map((style) => blendRow(studio, style)));
}

function blendRow(studio, style) {
  const output = h("output", {}, share(style.weight ?? EQUAL));
  const oninput = (event) => {
    output.textContent = share(Number(event.target.value));
    const weight = Number(event.target.value);
    studio.chosenStyles.set(studio.chosenStyles.get().map((each) => (each.id === style.id ? { ...each, weight } : each)));
  };
  const range = h("input", {
    type: "range", min: "0", max: "2", step: "0.1", value: String(style.weight ?? EQUAL), "aria-label": `Weight of ${style.title}`, oninput,
  });
  return h("label", {}, style.thumb ? h("img", { src: style.thumb, alt: "" }) : h("span"), range, output);
}

function share(weight) {
  return `× ${weight}`;
}
