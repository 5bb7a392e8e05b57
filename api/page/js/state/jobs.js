// Creates, opens, edits and repeats jobs.

import { hasOnlyBuiltIn } from "../api/job.js";
import { createJob, jobParams, repeatJob } from "../api/job_request.js";
import { announce } from "../shell/toasts.js";
import { reportErrors } from "./errors.js";
import { jobIdInUrl, putJobIdInUrl } from "./job_url.js";

/** Return the actions on jobs. */
export function jobActions(store) {
  function show(job) {
    store.job.set(job);
    putJobIdInUrl(job?.id ?? null);
  }

  /** Create a job from the chosen photo, styles and parameters, and open it. */
  async function submitJob({ timelapse }) {
    show(await createJob(store, jobParams(store, { timelapse })));
    announce("The job was sent.");
  }

  async function openJob(id) {
    await reportErrors(async () => {
      try {
        show(await store.client.json(`v1/jobs/${encodeURIComponent(id)}`));
      } catch (error) {
        if (error.status === 404) putJobIdInUrl(null);
        throw error;
      }
    });
  }

  /** Put a job's images and parameters back into the form; returns whether it succeeded. */
  function editJob(job) {
    return reportErrors(async () => {
      const photo = await store.client.blob(job.urls.content);
      const styles = await stylesOf(job);
      const masked = hasMasks(job) ? await (await import("./job_masks.js")).withMasks(store, job, styles) : styles;
      store.chosenStyles.set(styles);
      store.params.load(job.params);
      if (job.params.init === "image") store.params.set("init", null); // the picture it started from is not known
      const shown = await store.setPhoto(photo, job.film ? "Earlier film" : "Earlier photo");
      store.chosenStyles.set(masked); // a new photo removes masks
      shown.film?.load(job);
    });
  }

  /** Put a finished job back into the form, and let the next job start from its picture. */
  async function goOnFrom(job) {
    if (!(await editJob(job))) return;
    store.startJob.set(job);
    announce("The next picture starts from this one. Change the settings and press Paint.");
  }

  async function stylesOf(job) {
    const weighted = (style, index) => ({ ...style, weight: job.params.style_blend?.[index] ?? 1 });
    const builtIn = job.style_names.map((name) => store.styles.get().find((style) => style.name === name));
    if (hasOnlyBuiltIn(job) && builtIn.every(Boolean)) return builtIn.map(weighted);
    const blobs = await Promise.all(job.urls.style.map((url) => store.client.blob(url)));
    const styles = [];
    for (const [index, blob] of blobs.entries()) {
      const style = await store.addStyle(blob, blobs.length > 1 ? `Earlier style ${index + 1}` : "Earlier style");
      styles.push(weighted(style, index));
    }
    return styles;
  }

  async function retryJob(job) {
    await reportErrors(async () => show(await repeatJob(store, job)));
  }

  /** Open the job in the page's URL, else the first of `recent` that has not ended. */
  async function restoreJob(recent) {
    const id = jobIdInUrl();
    if (id) return openJob(id);
    const active = recent.find(({ status }) => status === "running" || status === "queued");
    return active && show(active);
  }

  function closeJob() {
    store.startJob.set(null);
    show(null);
  }

  return { submitJob, openJob, editJob, goOnFrom, retryJob, restoreJob, closeJob };
}

function hasMasks({ urls }) {
  return urls.mask.length > 0 || urls.style_mask.length > 0;
}
