// The live draft: paints a draft whenever the choices change, one at a time.

import { DRAFT_MODEL, DraftError, draftParams, paintDraft } from "../api/draft_request.js";
import { styleIds } from "../api/job_request.js";
import { readItem, writeItem } from "../lib/browser_storage.js";
import { observable } from "../lib/observable.js";
import { errorMessage } from "./errors.js";

const DEBOUNCE_MILLISECONDS = 350;
const STORED_NAME = "draft";
const FILM_NOTE = "Films have no drafts.";
const NOTHING = { url: null, note: "", isPainting: false };

/** Create the live draft; `state` is { url, note, isPainting }, `enabled` whether the visitor wants drafts. */
export function createDrafts(store) {
  const enabled = observable(readItem(STORED_NAME) !== "off" && !savesData());
  const state = observable(NOTHING);
  let aborter = new AbortController();
  let timer = null;
  let previous = Promise.resolve();
  let wanted = null; // the choices of the draft that is shown or on its way

  const update = (changes) => state.set({ ...state.get(), ...changes });

  function stop() {
    clearTimeout(timer);
    aborter.abort();
    wanted = null;
  }

  function clear() {
    stop();
    show(null);
    state.set(NOTHING);
  }

  function show(blob) {
    const { url } = state.get();
    update({ url: blob && URL.createObjectURL(blob), note: "", isPainting: false });
    if (url) URL.revokeObjectURL(url);
  }

  function onChange() {
    if (!enabled.get() || !store.photo.get() || !store.chosenStyles.get().length) return clear();
    if (store.photo.get().film) {
      if (state.get().note === FILM_NOTE) return undefined;
      clear();
      return update({ note: FILM_NOTE });
    }
    if (store.job.get()) return state.get().isPainting ? clear() : undefined;
    const choices = { photo: store.photo.get(), params: JSON.stringify([draftParams(store), styleIds(store.chosenStyles.get())]) };
    if (wanted?.photo === choices.photo && wanted.params === choices.params) return undefined;
    if (wanted?.photo !== choices.photo) show(null);
    stop();
    if (!hasWorker(store.models.get())) return state.set({ ...NOTHING, note: `Drafts need a worker with ${DRAFT_MODEL}. Press Paint to see the picture.` });
    wanted = choices;
    aborter = new AbortController();
    const { signal } = aborter;
    timer = setTimeout(() => { previous = previous.then(() => paint(signal)); }, DEBOUNCE_MILLISECONDS);
    return update({ isPainting: true, note: "" });
  }

  async function paint(signal) {
    if (signal.aborted) return;
    try {
      const blob = await paintDraft(store, draftParams(store), signal);
      if (!signal.aborted) show(blob);
    } catch (error) {
      if (!signal.aborted) update({ isPainting: false, note: draftNote(error) });
    }
  }

  function enable(isOn) {
    writeItem(STORED_NAME, isOn ? null : "off");
    enabled.set(isOn);
  }

  for (const source of [enabled, store.photo, store.chosenStyles, store.startJob, store.job, store.models, store.params]) {
    source.watch(onChange, { immediate: false });
  }
  return { state, enabled, enable };
}

function savesData() {
  return matchMedia("(prefers-reduced-data: reduce)").matches || Boolean(navigator.connection?.saveData);
}

// The networks are not known before the catalog has loaded; drafts need not wait for that.
function hasWorker(models) {
  const model = models.find(({ name }) => name === DRAFT_MODEL);
  return !models.length || Boolean(model?.available);
}

function draftNote(error) {
  if (error instanceof DraftError) return error.message;
  if (error.status === 429) return "You are at a limit of this service, so there is no draft now. Press Paint to try.";
  return `There is no draft: ${errorMessage(error)}`;
}
