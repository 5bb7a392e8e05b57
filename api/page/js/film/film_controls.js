// The parameters of a film: its part, frame rate, format, and how calm it is.

import { h } from "../lib/dom.js";
import { observable } from "../lib/observable.js";

const FORMATS = [["MP4", "mp4"], ["WebM", "webm"], ["GIF", "gif"], ["Animated WebP", "webp"]];
const DEFAULTS = { output_format: "mp4", fps: null, from: null, to: null, quality: null };

/** Return the options of a film job that differ from the defaults. */
export function filmOptions({ film, output_format }) {
  return changed({ ...film, output_format });
}

/** Create the options of the next film. */
export function createFilmOptions() {
  const state = observable(DEFAULTS);
  return {
    watch: state.watch,
    set: (name, value) => state.set({ ...state.get(), [name]: value }),
    load: (job) => state.set({ ...DEFAULTS, ...filmOptions(job) }),
    // A film has no time-lapse.
    toJson() {
      const options = changed(state.get());
      if (options.output_format === "gif") delete options.quality; // that of an earlier film; a GIF has none
      return { ...options, timelapse: false };
    },
  };
}

function changed(options) {
  const names = Object.keys(DEFAULTS).filter((name) => (options[name] ?? null) !== null && options[name] !== DEFAULTS[name]);
  return Object.fromEntries(names.map((name) => [name, options[name]]));
}

/** Build the controls; `stop` ends their watch over the parameters. */
export function filmControls(params, options) {
  let stop = null;
  const option = (name, label, attributes) => numberField(name, label, {
    ...attributes, watch: (show) => options.watch((state) => show(state[name])), set: (value) => options.set(name, value),
  });
  const element = h(
    "fieldset.film-controls", {},
    h("legend.label", {}, "Film"),
    option("from", "From second", { min: "0", placeholder: "start" }),
    option("to", "To second", { min: "0", placeholder: "end" }),
    option("fps", "Frames a second", { min: "1", max: "60", placeholder: "as the film" }),
    formatField(options),
    numberField("temporal_weight", "Temporal weight", {
      min: "0", set: (value) => params.set("temporal_weight", value),
      watch(show) { stop = params.watch(() => show(params.value("temporal_weight"))); },
    }),
    h("p.hint", { id: "film-hint" }, "More temporal weight flickers less. Fewer frames a second and a shorter part are painted sooner."),
  );
  return { element, stop };
}

function numberField(name, label, { watch, set, ...attributes }) {
  const id = `film-${name}`;
  const input = h("input", {
    type: "number", id, step: "any", "data-field": name, "aria-describedby": "film-hint", ...attributes,
    onchange: () => set(input.value === "" ? null : input.valueAsNumber),
  });
  watch((value) => { input.value = value ?? ""; });
  return h("div.field", {}, h("label", { for: id }, label), input);
}

function formatField(options) {
  const select = h(
    "select", { id: "film-format", "data-field": "output_format", onchange: () => options.set("output_format", select.value) },
    FORMATS.map(([label, value]) => h("option", { value }, label)),
  );
  options.watch((state) => { select.value = state.output_format; });
  return h("div.field", {}, h("label", { for: "film-format" }, "Format"), select);
}
