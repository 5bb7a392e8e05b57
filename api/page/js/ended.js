// A job that ended without a picture, or whose picture is gone.

import { h } from "./dom.js";

const ADVICE = {
  out_of_memory: "Choose a smaller size and paint again.",
  weights_missing: "Choose another network or preset.",
  diverged: "Choose a lower learning rate, or the default preset.",
  input_missing: "Choose the photo and the painting again.",
  timeout: "Choose a smaller size or fewer steps.",
  worker_lost: "Paint it again; if it fails once more, choose a smaller size.",
};

/** Build the view of such a job. */
export function endedView(studio, job) {
  const [title, words] = wordsOf(job);
  const again = h("button.primary", { type: "button", id: "retry", onclick: () => studio.retry(job) }, "Paint again");
  const changes = h("button", { type: "button", id: "again", onclick: () => studio.reopen(job) }, "Again with changes");
  const anew = h("button", { type: "button", id: "new", onclick: () => studio.startAnew() }, "New picture");
  const actions = job.expired ? [anew] : [again, changes, anew];
  const mat = h("div.mat", {}, h("div.ended", {}, ingredients(job), h("h2", {}, title), words.map((line) => h("p", {}, line)), h("div.actions", {}, actions)));
  return { elements: [mat], update() {} };
}

function ingredients(job) {
  const urls = [job.urls.content, ...job.urls.style].filter(Boolean);
  return h("div.ingredients", { "aria-hidden": "true" }, urls.map((src) => h("img", { src, alt: "" })));
}

function wordsOf(job) {
  if (job.expired) return ["This picture has expired", ["Pictures are kept for a while only. Its record is still here; the picture is not."]];
  if (job.status === "canceled") return ["Canceled", ["The photo and the painting are still here."]];
  const message = job.error?.message ?? "The service did not say why.";
  return ["This one did not work", [message, ADVICE[job.error?.code]].filter(Boolean)];
}
