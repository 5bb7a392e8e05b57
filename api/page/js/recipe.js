// The parameters: a preset, and what was changed of it.

import { observable } from "./observable.js";

const NO_PRESET = { name: "default", summary: "", params: {} };

/** Make the recipe; it is { preset, changes } and knows the presets once they are loaded. */
export function makeRecipe() {
  const state = observable({ preset: "default", changes: {} });
  const presets = observable([]);

  const preset = () => presets.get().find(({ name }) => name === state.get().preset) ?? presets.get()[0] ?? NO_PRESET;

  function set(name, value) {
    const { [name]: before, ...others } = state.get().changes;
    const same = value === null || JSON.stringify(value) === JSON.stringify(preset().params[name]);
    state.set({ ...state.get(), changes: same ? others : { ...others, [name]: value } });
    return before;
  }

  return {
    presets,
    watch: state.watch,
    preset,
    value: (name) => state.get().changes[name] ?? preset().params[name],
    changed: (name) => name in state.get().changes,
    set,
    usePreset: (name) => state.set({ preset: name, changes: kept(state.get().changes) }),
    load: (params) => state.set({ preset: params.preset, changes: differences(presets.get(), params) }),
    params: () => ({ preset: preset().name, ...state.get().changes }),
  };
}

/** What stays when another preset is chosen: what people set for the picture, not for the method. */
function kept({ strength, max_size, preserve_color }) {
  return Object.fromEntries(Object.entries({ strength, max_size, preserve_color }).filter(([, value]) => value !== undefined));
}

function differences(presets, params) {
  const base = presets.find(({ name }) => name === params.preset)?.params ?? {};
  const changed = ([name, value]) => name !== "preset" && JSON.stringify(value) !== JSON.stringify(base[name]);
  return Object.fromEntries(Object.entries(params).filter(changed));
}
