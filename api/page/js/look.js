// The main controls: strength, size, effort, colours, preset, network, time-lapse.

import { byId, h } from "./dom.js";

const SIZES = [["256", 256], ["512", 512], ["1024", 1024], ["2048", 2048]];
const EFFORTS = [["Sketch", 100], ["Normal", 300], ["Fine", 600]];
const COLOURS = [["Painting’s", "none"], ["Photo’s", "luminance"], ["Matched", "linear"]];

/** Build the main controls. */
export function showLook(studio) {
  const { recipe } = studio;
  byId("look").replaceChildren(
    strength(recipe),
    numbered(recipe, { name: "max_size", label: "Longest side, pixels", options: SIZES, min: 16, max: 8192 }),
    numbered(recipe, { name: "steps", label: "Effort, steps", options: EFFORTS, min: 1, max: 20000 }),
    colours(recipe),
    presetField(studio),
    modelField(studio),
    h("label.check", {}, h("input", { type: "checkbox", id: "timelapse", checked: true }), "Record a time-lapse"),
  );
}

function strength(recipe) {
  const output = h("output", { for: "strength" });
  const input = h("input", {
    type: "range", id: "strength", "data-field": "strength", min: "0", max: "1", step: "0.05", "aria-describedby": "strength-ends",
    oninput: () => recipe.set("strength", Number(input.value)),
  });
  recipe.watch(() => {
    input.value = String(recipe.value("strength") ?? 0.5);
    output.textContent = `${Math.round(Number(input.value) * 100)} %`;
  });
  const ends = h("div.ends", { id: "strength-ends" }, h("span", {}, "nearly the photo"), h("span", {}, "nearly all painting"));
  return h("div.field", {}, h("div.field-head", {}, h("label.label", { for: "strength" }, "Strength"), output), input, ends);
}

function strip(recipe, name, options) {
  const inputs = options.map(([words, value]) => {
    const input = h("input", { type: "radio", name: `choice-${name}`, onchange: () => recipe.set(name, value) });
    recipe.watch(() => { input.checked = recipe.value(name) === value; });
    return h("label", {}, input, h("span", {}, words));
  });
  return h("div.choice", {}, inputs);
}

function numbered(recipe, { name, label, options, min, max }) {
  const number = h("input", {
    type: "number", id: name, min: String(min), max: String(max), "aria-label": `${label}, exactly`, "data-field": name,
    onchange: () => recipe.set(name, number.value === "" ? null : Number(number.value)),
  });
  recipe.watch(() => { number.value = String(recipe.value(name) ?? ""); });
  return group(label, h("div.with-number", {}, strip(recipe, name, options), number));
}

function colours(recipe) {
  return group("Colours", strip(recipe, "preserve_color", COLOURS));
}

function group(label, content) {
  return h("fieldset.field", {}, h("legend.label", {}, label), content);
}

function presetField({ recipe, models }) {
  const select = h("select", { id: "preset", "data-field": "preset", "aria-describedby": "preset-words", onchange: () => recipe.usePreset(select.value) });
  const words = h("p.hint", { id: "preset-words" });
  function draw() {
    const missing = new Set(models.get().filter(({ available }) => !available).map(({ name }) => name));
    const anyWorker = models.get().some(({ available }) => available);
    select.replaceChildren(...recipe.presets.get().map(({ name, params }) => {
      const away = anyWorker && missing.has(params.model);
      return h("option", { value: name, disabled: away }, away ? `${name} (needs ${params.model})` : name);
    }));
    show();
  }
  function show() {
    select.value = recipe.preset().name;
    words.textContent = recipe.preset().summary;
  }
  recipe.presets.watch(draw);
  models.watch(draw);
  recipe.watch(show);
  return h("div.field", {}, h("label", { for: "preset" }, "Preset"), select, words);
}

function modelField({ recipe, models }) {
  const select = h("select", { id: "model", "data-field": "model", "aria-describedby": "model-words", onchange: () => recipe.set("model", select.value) });
  const words = h("p.hint", { id: "model-words" });
  function show() {
    select.value = recipe.value("model") ?? "";
    const model = models.get().find(({ name }) => name === select.value);
    words.textContent = model?.summary ?? "";
  }
  models.watch((all) => {
    const anyWorker = all.some(({ available }) => available);
    select.replaceChildren(...all.map(({ name, available }) => {
      const away = anyWorker && !available;
      return h("option", { value: name, disabled: away }, away ? `${name} (not on any worker)` : name);
    }));
    show();
  });
  recipe.watch(show);
  recipe.presets.watch(show);
  return h("div.field", {}, h("label", { for: "model" }, "Network"), select, words);
}
