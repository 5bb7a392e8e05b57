// Drafts: small, quick jobs that show what the choices would give. The page deletes each as soon as it has its picture.

import { hasEnded } from "./job.js";
import { createJob, jobParams } from "./job_request.js";
import { watchJob } from "./job_watcher.js";

// Batch jobs wait for interactive ones, so that drafts wait for jobs that are meant to be kept.
const QUICK = { preset: "draft", model: "lite-small" };
const PRIORITY = "batch";
const CHOICES = ["strength", "preserve_color", "style_scale", "style_name", "style_blend", "init_job"];
const BUSY = "The workers are busy, so there is no draft now. Press Paint to wait in line.";
const BUSY_MILLISECONDS = 4000; // a draft that waits longer than this is no longer one

/** There is no draft; the message says why. */
export class DraftError extends Error {}

/** The network that drafts use. */
export const DRAFT_MODEL = QUICK.model;

/** Return the parameters of a draft of what is chosen in the store. */
export function draftParams(store) {
  const chosen = jobParams(store, { timelapse: false });
  const choices = Object.fromEntries(CHOICES.filter((name) => chosen[name] !== undefined).map((name) => [name, chosen[name]]));
  return { ...QUICK, priority: PRIORITY, ...choices };
}

/** Return whether a job is a draft of this page or another one. */
export function isDraft({ priority, params }) {
  return priority === PRIORITY && Object.entries(QUICK).every(([name, value]) => params[name] === value);
}

/** Paint a draft and return its picture, or null if `signal` was aborted; the job is deleted in any case. */
export async function paintDraft(store, params, signal) {
  const job = await createJob(store, params);
  const remove = () => store.client.request(job.urls.self, { method: "DELETE", keepalive: true }).catch(() => {});
  // Sent by the event itself, because nothing else runs when the page is closed.
  window.addEventListener("pagehide", remove, { once: true });
  try {
    return signal.aborted ? null : await finishedPicture(store, job, signal);
  } finally {
    window.removeEventListener("pagehide", remove);
    await remove();
  }
}

async function finishedPicture(store, job, signal) {
  const watcher = watchJob(store, job);
  const isAborted = new Promise((resolve) => { signal.addEventListener("abort", resolve, { once: true }); });
  const ended = watcher.ended.then(() => watcher.get().job);
  let timer;
  const isBusy = new Promise((_, reject) => {
    timer = setTimeout(() => { if (watcher.get().job.status === "queued") reject(new DraftError(BUSY)); }, BUSY_MILLISECONDS);
  });
  try {
    await Promise.race([ended, isAborted, isBusy]);
    const last = watcher.get().job;
    if (signal.aborted || !hasEnded(last)) return null;
    if (last.status !== "succeeded") throw new DraftError("The draft failed. Press Paint to see why.");
    return await store.client.blob(last.urls.result);
  } finally {
    clearTimeout(timer);
    watcher.stop();
  }
}
