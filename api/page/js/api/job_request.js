// Builds and sends the requests that create jobs.

import { NetworkError } from "./client.js";

/** Return the parameters of the job that is chosen in the store. */
export function jobParams({ params, chosenStyles, startJob, photo }, { timelapse }) {
  const styles = chosenStyles.get();
  const chosen = { ...params.toJson(), timelapse, ...photo.get()?.film?.toJson() };
  const weights = styles.map(({ weight }) => weight ?? 1);
  if (styles.length > 1 && new Set(weights).size > 1) chosen.style_blend = weights;
  if (styles.length === 1 && styles[0].name !== null) chosen.style_name = styles[0].name;
  return { ...chosen, ...startParams(startJob.get(), chosen) };
}

// The service sets init=image for a job that starts from a picture, and refuses every other value.
function startParams(job, { init }) {
  return job ? { init_job: job.id, init: undefined } : { init };
}

/** Return what tells the chosen styles and their masks from others. */
export function styleIds(chosen) {
  const idOf = (mask) => mask && (mask.url ?? mask.name);
  return chosen.map(({ id, mask, styleMask }) => [id, idOf(mask), idOf(styleMask)]);
}

/** Create a job and return it. */
export async function createJob(store, params) {
  return sendOnce(store, "v1/jobs", await jobForm(store, params));
}

/** Create a job with the images and parameters of another one and return it. */
export async function repeatJob(store, job) {
  return sendOnce(store, job.urls.retry);
}

/** Send a request; sending it again after a lost connection creates no second job. */
async function sendOnce(store, url, body) {
  const options = { method: "POST", body, headers: { "Idempotency-Key": randomKey() } };
  try {
    return await store.client.json(url, options);
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    await store.connection.restored();
    return store.client.json(url, options);
  }
}

const assets = new WeakMap(); // content addresses of photos that have been uploaded

/** Upload a photo once for all its jobs, and return its content address; upload it again if it has expired. */
async function photoAsset(store, photo) {
  const known = assets.get(photo);
  if (known && (await store.client.request(`v1/assets/${known}`).catch(() => null))) return known;
  const form = new FormData();
  form.append("content", photo.blob, "photo");
  const { asset } = await sendOnce(store, "v1/assets", form);
  assets.set(photo, asset);
  return asset;
}

async function jobForm(store, params) {
  const form = new FormData();
  const photo = store.photo.get();
  if (photo.film) form.append("content", photo.blob, "film"); // a film cannot be an asset
  else form.append("content_asset", await photoAsset(store, photo));
  if (!params.style_name) {
    for (const { image, url } of store.chosenStyles.get()) {
      form.append("style", image?.blob ?? (await store.client.blob(url)), "style");
    }
  }
  appendMasks(form, "mask", store.chosenStyles.get().map(({ mask }) => mask));
  appendMasks(form, "style_mask", store.chosenStyles.get().map(({ styleMask }) => styleMask));
  form.append("params", new Blob([JSON.stringify(params)], { type: "application/json" }));
  return form;
}

const WHITE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAABAAAAAQAQAAAAA3iMLMAAAADklEQVR42mP4/5+BFAQA/U4f4d7IdZcAAAAASUVORK5CYII=";

// The service takes a mask for each style or none, so a style without one gets a white one.
function appendMasks(form, part, masks) {
  if (!masks.some(Boolean)) return;
  for (const mask of masks) {
    if (mask) form.append(part, mask.blob, part);
    else form.append(`${part}_url`, WHITE);
  }
}

// crypto.randomUUID() is missing over plain HTTP.
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
