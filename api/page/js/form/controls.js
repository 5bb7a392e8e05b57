// The main controls: strength, size, steps, colors, preset, network and time-lapse, and those of a film.

import { byId, h } from "../lib/dom.js";
import { percent } from "../lib/format.js";

const SIZES = [["256", 256], ["512", 512], ["1024", 1024], ["2048", 2048]];
const STEPS = [["Sketch", stepsTimes(0.5)], ["Normal", stepsTimes(1)], ["Fine", stepsTimes(3)]];
const MAX_STEPS = 20000;
const COLORS = [["From style", "none"], ["From photo", "luminance"], ["Matched", "linear"]];

/** The parameters that have a control here or belong to the styles. */
export const MAIN_PARAMS = new Set(["preset", "strength", "max_size", "steps", "preserve_color", "model", "style_blend", "temporal_weight"]);

/** Show the main controls. */
export function mountControls({ params, models, photo }) {
  const timelapse = h("label.check", {}, h("input", { type: "checkbox", id: "timelapse", checked: true }), "Record a time-lapse");
  const film = h("div", { hidden: true });
  byId("controls").replaceChildren(
    strengthField(params),
    numberField(params, { name: "max_size", label: "Longest side in pixels", options: SIZES, min: 16, max: 8192 }),
    numberField(params, { name: "steps", label: "Steps", options: STEPS, min: 1, max: MAX_STEPS }),
    group("Colors", segments(params, "preserve_color", COLORS)),
    presetField(params, models),
    modelField(params, models),
    timelapse,
  );
  byId("controls").before(film);
  let filmControls = null;
  photo.watch((image) => {
    filmControls?.stop();
    filmControls = image?.film?.controls(params) ?? null;
    film.hidden = !filmControls;
    timelapse.hidden = !film.hidden;
    film.replaceChildren(filmControls?.element ?? "");
  });
}

function strengthField(params) {
  const output = h("output", { for: "strength" });
  const input = h("input", {
    type: "range", id: "strength", "data-field": "strength", min: "0", max: "1", step: "0.05", "aria-describedby": "strength-ends",
    oninput: () => params.set("strength", input.valueAsNumber),
  });
  params.watch(() => {
    input.value = String(params.value("strength") ?? 0.5);
    output.textContent = percent(input.valueAsNumber);
  });
  const ends = h("div.range-ends", { id: "strength-ends" }, h("span", {}, "closer to the photo"), h("span", {}, "closer to the style"));
  return h("div.field", {}, h("div.field-head", {}, h("label.label", { for: "strength" }, "Strength"), output), input, ends);
}

function numberField(params, { name, label, options, min, max }) {
  const input = h("input", {
    type: "number", id: name, min: String(min), max: String(max), "aria-label": `${label}, exact value`, "data-field": name,
    onchange: () => params.set(name, input.value === "" ? null : input.valueAsNumber),
  });
  params.watch(() => {
    input.value = String(params.value(name) ?? "");
    input.removeAttribute("aria-invalid");
  });
  return group(label, h("div.with-number", {}, segments(params, name, options), input));
}

// The value of an option may depend on the preset.
function segments(params, name, options) {
  const inputs = options.map(([text, option]) => {
    const value = () => (typeof option === "function" ? option(params.preset().params) : option);
    const input = h("input", { type: "radio", name: `segments-${name}`, onchange: () => params.set(name, value()) });
    params.watch(() => { input.checked = params.value(name) === value(); });
    return h("label", {}, input, h("span", {}, text));
  });
  return h("div.segments", {}, inputs);
}

/** Return a function of a preset's parameters: their steps times a factor, or null before the presets are loaded. */
function stepsTimes(factor) {
  return ({ steps }) => (steps ? Math.min(MAX_STEPS, Math.max(1, Math.round(factor * steps))) : null);
}

function group(legend, content) {
  return h("fieldset.field", {}, h("legend.label", {}, legend), content);
}

function presetField(params, models) {
  const select = selectField("preset", "Preset", (name) => params.usePreset(name));
  const show = () => select.show(params.preset().name, params.preset().summary);
  const draw = () => {
    const isMissing = missingModels(models.get());
    select.setOptions(params.presets.get().map(({ name, params: { model } }) => ({ name, problem: isMissing(model) && `needs ${model}` })));
    show();
  };
  params.presets.watch(draw);
  models.watch(draw);
  params.watch(show);
  return select.element;
}

function modelField(params, models) {
  const select = selectField("model", "Network", (name) => params.set("model", name));
  const show = () => {
    const name = params.value("model") ?? "";
    select.show(name, models.get().find((model) => model.name === name)?.summary ?? "");
  };
  models.watch((all) => {
    const isMissing = missingModels(all);
    select.setOptions(all.map(({ name }) => ({ name, problem: isMissing(name) && "not on any worker" })));
    show();
  });
  params.watch(show);
  params.presets.watch(show);
  return select.element;
}

// Without any worker, every network is missing; jobs wait for a worker then, so all can be chosen.
function missingModels(models) {
  const available = new Set(models.filter((model) => model.available).map(({ name }) => name));
  return (name) => available.size > 0 && models.some((model) => model.name === name) && !available.has(name);
}

function selectField(id, label, onChange) {
  const select = h("select", { id, "data-field": id, "aria-describedby": `${id}-summary`, onchange: () => onChange(select.value) });
  const summary = h("p.hint", { id: `${id}-summary` });
  return {
    element: h("div.field", {}, h("label", { for: id }, label), select, summary),
    setOptions: (options) => select.replaceChildren(...options.map(({ name, problem }) => (
      h("option", { value: name, disabled: Boolean(problem) }, problem ? `${name} (${problem})` : name)))),
    show(value, text) {
      select.value = value;
      summary.textContent = text;
    },
  };
}
