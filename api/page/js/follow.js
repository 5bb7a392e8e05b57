// Following one job to its end: its record, its progress, its previews.

import { listen } from "./events.js";
import { observable } from "./observable.js";

const LOOK_MILLISECONDS = 2500;
const ENDED = new Set(["succeeded", "failed", "canceled"]);

/** Tell whether a job has ended. */
export function hasEnded(job) {
  return ENDED.has(job.status);
}

/** Follow a job; `view` is { job, progress, losses, preview } and changes as the job goes on. */
export function follow(studio, first) {
  const stopped = new AbortController();
  const view = observable({ job: first, progress: first.progress, losses: [], preview: previewOf(first) });
  const change = (parts) => { if (!stopped.signal.aborted) view.set({ ...view.get(), ...parts }); };
  const url = first.urls.self;

  async function look() {
    const job = await studio.client.json(url, { signal: stopped.signal });
    change({ job, progress: job.progress ?? view.get().progress });
    return job;
  }

  async function onEvent({ type, data }) {
    if (type === "progress") change({ progress: data, losses: [...view.get().losses, data] });
    if (type === "preview") change({ preview: fresh(data.url, data.sequence ?? data.iteration) });
    if (type === "status") await look().catch(() => {});
    // A new attempt begins where the last checkpoint was: what came after it is done again.
    if (type === "status" && data.status === "queued") change({ losses: [] });
  }

  async function run() {
    const looking = setInterval(() => { if (view.get().job.status === "queued") look().catch(() => {}); }, LOOK_MILLISECONDS);
    try {
      await listen({ client: studio.client, connection: studio.connection, url: first.urls.events, onEvent, signal: stopped.signal });
      await look();
    } finally {
      clearInterval(looking);
    }
  }

  const finished = hasEnded(first) ? Promise.resolve() : run();
  return { watch: view.watch, get: view.get, look, finished, stop: () => stopped.abort() };
}

/** Return the URL of a job's latest preview, or null. */
export function previewOf({ urls, progress }) {
  return urls.preview && fresh(urls.preview, progress?.iteration ?? 0);
}

// Previews change behind the same URL, and browsers keep pictures.
function fresh(url, version) {
  return `${url}${url.includes("?") ? "&" : "?"}v=${version}`;
}
