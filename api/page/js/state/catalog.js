// Loads what visitors can choose from: styles, presets with the limits of the service, and networks.

import { reportErrors } from "./errors.js";

/** Return the actions that load the catalog into the store. */
export function catalogActions(store, defaultLimits) {
  async function loadStyles() {
    const { styles } = await store.client.json("v1/styles");
    const builtIn = styles.map(({ name, title, summary, thumbnail, picture }) => ({
      id: name, name, title, summary, thumbnail, url: picture, image: null,
    }));
    const uploaded = store.styles.get().filter(({ name }) => name === null);
    store.styles.set([...builtIn, ...uploaded]);
    if (!store.chosenStyles.get().length) store.chosenStyles.set(builtIn.slice(0, 1));
  }

  async function loadPresets() {
    const { presets, limits } = await store.client.json("v1/presets");
    store.limits.set({ ...defaultLimits, ...limits });
    store.params.presets.set(presets);
    store.params.usePreset(store.params.preset().name);
  }

  async function loadModels() {
    const { models } = await store.client.json("v1/models");
    if (JSON.stringify(models) !== JSON.stringify(store.models.get())) store.models.set(models);
  }

  async function loadCatalog() {
    await Promise.all([loadStyles, loadPresets, loadModels].map(reportErrors));
  }

  return { loadCatalog, loadModels };
}
