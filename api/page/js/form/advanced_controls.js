// A control for each parameter that the main controls lack, built from the OpenAPI document.

import { numberError, paramFields, rangeText } from "../api/openapi_fields.js";
import { byId, h } from "../lib/dom.js";
import { capitalized, label, words } from "../lib/format.js";
import { MAIN_PARAMS } from "./controls.js";

const GROUP_TITLES = { basic: "General", styles: "Style" };
const SWITCHED = { true: "on", false: "off" };

/** Build the controls from the OpenAPI document. */
export function advancedControls(params, openapi) {
  const fields = paramFields(openapi).filter(({ name }) => !MAIN_PARAMS.has(name));
  const groups = [...new Set(fields.map((field) => field.group))];
  const readable = readableNames(fields);
  const sections = groups.map((group) => h(
    "details.option-group", {},
    h("summary", {}, GROUP_TITLES[group] ?? label(group)),
    h("div.fields", {}, fields.filter((field) => field.group === group).map((field) => control(params, { ...field, help: readable(field.help) }))),
  ));
  const reset = () => {
    for (const input of byId("advanced-controls").querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
    params.usePreset(params.preset().name);
  };
  return [...sections, h("button", { type: "button", onclick: reset }, "Reset to the preset")];
}

/** Return a function that turns the names of parameters and values in a help text into what the page calls them. */
function readableNames(fields) {
  const values = new Set(fields.flatMap(({ options }) => options).filter((option) => words(option) !== option));
  const names = new Set([...fields.map(({ name }) => name), ...MAIN_PARAMS].filter((name) => name.includes("_")));
  const shown = (name) => (names.has(name) ? `“${label(name)}”` : values.has(name) ? words(name) : name);
  return (text) => text && capitalized(text)
    .replaceAll("`", "")
    .replace(/\b([a-z]\w*)=(\w+)/g, (match, name, value) => (names.has(name) ? `“${label(name)}” ${SWITCHED[value] ?? words(value)}` : match))
    .replace(/\b[a-z]\w*\b/g, shown);
}

function control(params, field) {
  const id = `param-${field.name}`;
  const message = h("p.error", { id: `${id}-error`, hidden: true });
  const { input, show } = INPUTS[field.kind](field, (value, error = "") => {
    message.textContent = error;
    message.hidden = !error;
    if (error) return input.setAttribute("aria-invalid", "true");
    input.removeAttribute("aria-invalid");
    return params.set(field.name, value);
  });
  const attributes = { id, "data-field": field.name, "aria-describedby": `${id}-help ${id}-error` };
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
  const range = rangeText(field);
  const help = h("p.hint", { id: `${id}-help` }, field.help, range && ` Allowed: ${range}.`);
  const title = h("label", { for: id }, label(field.name));
  const row = field.kind === "boolean" ? [h("div.check", {}, input, title)] : [title, input];
  const element = h("div.field", {}, row, help, message);
  params.watch(() => {
    const isInvalid = input.hasAttribute("aria-invalid");
    message.hidden = !isInvalid;
    if (!isInvalid) show(params.value(field.name));
    element.classList.toggle("changed", params.isChanged(field.name));
  });
  return element;
}

// Each builds an input that calls `onChange(value, error)`, and a function that shows a value in it.
const INPUTS = {
  number(field, onChange) {
    const input = h("input", { type: "number", step: field.integer ? "1" : "any" });
    input.onchange = () => {
      const isEmpty = input.value === "" && !input.validity.badInput;
      return isEmpty ? onChange(null) : onChange(input.valueAsNumber, numberError(field, input.valueAsNumber));
    };
    return { input, show: (value) => { input.value = value ?? ""; } };
  },
  boolean(field, onChange) {
    const input = h("input", { type: "checkbox", onchange: () => onChange(input.checked) });
    return { input, show: (value) => { input.checked = Boolean(value); } };
  },
  enum(field, onChange) {
    // The page has no way to choose the image that init=image needs.
    const options = field.options.filter((option) => !(field.name === "init" && option === "image"));
    const input = h("select", { onchange: () => onChange(input.value) }, options.map((option) => h("option", { value: option }, label(option))));
    return { input, show: (value) => { input.value = value; } };
  },
  text(field, onChange) {
    const input = h("input", { type: "text", spellcheck: "false", onchange: () => onChange(input.value.trim() || null) });
    return { input, show: (value) => { input.value = paramText(value); } };
  },
};

// Lists and weights are written as the API reads them in form fields.
function paramText(value) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(paramText).join(value.some((item) => typeof item === "object") ? "; " : ", ");
  if (typeof value === "object") return Object.entries(value).map(([name, weight]) => `${name}:${weight}`).join(", ");
  return String(value);
}
