// Every parameter that has no control of its own, built from the service's own description of it.

import { byId, h } from "./dom.js";
import { boundsOf, fieldsOf, problemOf } from "./schema.js";
import { title } from "./words.js";

const ELSEWHERE = new Set(["preset", "strength", "max_size", "steps", "preserve_color", "model", "style_blend"]);
const TITLES = { basic: "Chance", network: "Network", losses: "Losses", styles: "Painting", start: "Start", optimiser: "Optimiser", schedule: "Schedule", machine: "Machine" };

/** Build the fields when they are first asked for. */
export function showAdvanced(studio) {
  const details = byId("advanced");
  let state = "empty";
  details.addEventListener("toggle", async () => {
    if (!details.open || state !== "empty") return;
    state = "loading";
    byId("advanced-fields").replaceChildren(h("p.hint", {}, "Loading…"));
    const done = await studio.attempt(async () => build(studio, await studio.client.json("openapi.json")));
    if (!done) byId("advanced-fields").replaceChildren(h("p.hint", {}, "These could not be loaded; close and open to try again."));
    state = done ? "built" : "empty";
  });
}

function build({ recipe }, openapi) {
  const groups = new Map();
  for (const field of fieldsOf(openapi).filter(({ name }) => !ELSEWHERE.has(name))) {
    groups.set(field.group, [...(groups.get(field.group) ?? []), row(recipe, field)]);
  }
  const fieldset = ([group, rows]) => h("fieldset", {}, h("legend", {}, TITLES[group] ?? title(group)), rows);
  byId("advanced-fields").replaceChildren(...[...groups].map(fieldset), h("button", { type: "button", onclick: () => recipe.usePreset(recipe.preset().name) }, "Back to the preset"));
}

function row(recipe, field) {
  const id = `field-${field.name}`;
  const problem = h("p.problem", { id: `${id}-problem`, hidden: true });
  const control = CONTROLS[field.kind] ?? CONTROLS.text;
  const input = control(field, (value, complaint = "") => {
    problem.textContent = complaint;
    problem.hidden = !complaint;
    input.toggleAttribute("aria-invalid", Boolean(complaint));
    if (complaint) input.setAttribute("aria-invalid", "true");
    else recipe.set(field.name, value);
  });
  const attributes = { id, "data-field": field.name, "aria-describedby": `${id}-help ${id}-problem` };
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
  const bounds = field.kind === "number" ? boundsOf(field) : "";
  const help = h("p.hint", { id: `${id}-help` }, field.help, bounds && ` Takes ${bounds}.`);
  const label = h("label", { for: id }, title(field.name));
  const element = field.kind === "boolean" ? h("div.field", {}, h("div.check", {}, input, label), help, problem) : h("div.field", {}, label, input, help, problem);
  recipe.watch(() => {
    if (input.getAttribute("aria-invalid") !== "true") input.show(recipe.value(field.name));
    element.classList.toggle("changed", recipe.changed(field.name));
  });
  return element;
}

// Each builds an input that calls `give` with a new value or a complaint, and shows values with input.show().
const CONTROLS = {
  number(field, give) {
    const input = h("input", { type: "number", step: field.whole ? "1" : "any" });
    input.onchange = () => {
      if (input.value === "" && !input.validity.badInput) return give(null);
      const value = input.valueAsNumber;
      return give(value, problemOf(field, value));
    };
    return shown(input, (value) => { input.value = value ?? ""; });
  },
  boolean(field, give) {
    const input = h("input", { type: "checkbox", onchange: () => give(input.checked) });
    return shown(input, (value) => { input.checked = Boolean(value); });
  },
  enum(field, give) {
    const options = field.options.filter((name) => !(field.name === "init" && name === "image"));
    const input = h("select", { onchange: () => give(input.value) }, options.map((name) => h("option", { value: name }, title(name))));
    return shown(input, (value) => { input.value = value; });
  },
  text(field, give) {
    const input = h("input", { type: "text", spellcheck: "false" });
    input.onchange = () => give(input.value.trim() === "" ? null : input.value.trim());
    return shown(input, (value) => { input.value = written(value); });
  },
};

function shown(input, show) {
  input.show = show;
  return input;
}

function written(value) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "object") return Object.entries(value).map(([name, weight]) => `${name}:${weight}`).join(", ");
  return String(value);
}
