// The parameters of the next job: a preset and the changes to it.

import { observable } from "../lib/observable.js";

const EMPTY_PRESET = { name: "default", summary: "", params: {} };

/** Create the parameters; `presets` is empty until the catalog is loaded. */
export function createParams() {
  const state = observable({ preset: "default", changes: {} });
  const presets = observable([]);

  const preset = () => presets.get().find(({ name }) => name === state.get().preset) ?? presets.get()[0] ?? EMPTY_PRESET;

  /** Set a parameter; null or the preset's own value undoes the change. */
  function set(name, value) {
    const { [name]: _, ...others } = state.get().changes;
    const unchanged = value === null || isEqual(value, preset().params[name]);
    state.set({ ...state.get(), changes: unchanged ? others : { ...others, [name]: value } });
  }

  /** Return what differs between a job's parameters and their preset. */
  function changesFromPreset(params) {
    const base = presets.get().find(({ name }) => name === params.preset)?.params ?? {};
    return pick(params, (name, value) => name !== "preset" && !isEqual(value, base[name]));
  }

  return {
    presets,
    watch: state.watch,
    preset,
    value: (name) => state.get().changes[name] ?? preset().params[name],
    isChanged: (name) => name in state.get().changes,
    set,
    usePreset: (name) => state.set({ preset: name, changes: pick(state.get().changes, isKept) }),
    load: (params) => state.set({ preset: params.preset, changes: changesFromPreset(params) }),
    changesFromPreset,
    toJson: () => ({ preset: preset().name, ...state.get().changes }),
  };
}

// A new preset replaces the method, and keeps what the visitor chose for this picture.
function isKept(name) {
  return ["strength", "max_size", "preserve_color"].includes(name);
}

function pick(params, test) {
  return Object.fromEntries(Object.entries(params).filter(([name, value]) => test(name, value)));
}

function isEqual(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
