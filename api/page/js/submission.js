// Sending a job: photo, paintings and parameters as one form.

import { Unreachable } from "./client.js";

/** Return the parameters of a job as they are sent. */
export function wishOf({ recipe, chosenStyles, timelapse }) {
  const chosen = chosenStyles.get();
  const wish = { ...recipe.params(), timelapse };
  const weights = chosen.map(({ weight }) => weight ?? 1);
  if (chosen.length > 1 && new Set(weights).size > 1) wish.style_blend = weights;
  if (chosen.length === 1 && chosen[0].name !== null) wish.style_name = chosen[0].name;
  return wish;
}

/** Build the form of a job. */
export async function formOf(studio, wish) {
  const form = new FormData();
  form.append("content", studio.photo.get().blob, "photo");
  if (!wish.style_name) {
    for (const style of studio.chosenStyles.get()) {
      form.append("style", style.picture?.blob ?? (await studio.client.blob(style.url)), "style");
    }
  }
  form.append("params", new Blob([JSON.stringify(wish)], { type: "application/json" }));
  return form;
}

/** Send a job once, even if the line breaks while it is sent. */
export async function send(studio, wish) {
  const options = { method: "POST", body: await formOf(studio, wish), headers: { "Idempotency-Key": newKey() } };
  try {
    return await studio.client.json("v1/jobs", options);
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    await studio.connection.restored();
    return studio.client.json("v1/jobs", options);
  }
}

function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
