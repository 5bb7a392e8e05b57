// Watches one job until it ends: its status, progress, losses and previews.

import { observable } from "../lib/observable.js";
import { readEvents } from "./event_stream.js";
import { hasEnded, previewUrl, versioned } from "./job.js";

const QUEUE_POLL_MILLISECONDS = 2500; // no event reports a new position in the queue

/** Watch a job; the watched value is { job, progress, losses, preview }. */
export function watchJob({ client, connection }, initial) {
  const aborter = new AbortController();
  const { signal } = aborter;
  const state = observable({ job: initial, progress: initial.progress, losses: [], preview: previewUrl(initial) });
  const update = (changes) => { if (!signal.aborted) state.set({ ...state.get(), ...changes }); };

  async function reload() {
    const job = await client.json(initial.urls.self, { signal });
    update({ job, progress: job.progress ?? state.get().progress });
  }

  async function onEvent({ type, data }) {
    if (type === "progress") update({ progress: data, losses: [...state.get().losses, data] });
    if (type === "preview") update({ preview: versioned(data.url, data.sequence ?? data.iteration) });
    if (type === "status") await reload().catch(() => {});
    // A new attempt starts at the last checkpoint and repeats the steps after it.
    if (type === "status" && data.status === "queued") update({ losses: [] });
  }

  async function watchUntilEnd() {
    const poll = setInterval(() => {
      if (state.get().job.status === "queued") reload().catch(() => {});
    }, QUEUE_POLL_MILLISECONDS);
    try {
      await readEvents({ client, connection, url: initial.urls.events, onEvent, signal });
      await reload();
    } finally {
      clearInterval(poll);
    }
  }

  const ended = hasEnded(initial) ? Promise.resolve() : watchUntilEnd();
  return { watch: state.watch, get: state.get, ended, stop: () => aborter.abort() };
}
