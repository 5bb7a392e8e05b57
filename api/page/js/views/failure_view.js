// The view of a job without a picture: it failed, was canceled, or its picture has expired.

import { h } from "../lib/dom.js";

const ADVICE = {
  out_of_memory: "Choose a smaller size and paint again.",
  weights_missing: "Choose another network or preset.",
  diverged: "Choose a lower learning rate, or the default preset.",
  input_missing: "Choose the photo and the style again.",
  timeout: "Choose a smaller size or fewer steps.",
  worker_lost: "Paint again. If that fails too, choose a smaller size.",
};

/** Build the view. */
export function failureView(store, job) {
  const { title, lines } = explanation(job);
  const retry = h("button.primary", { type: "button", id: "retry", onclick: () => store.retryJob(job) }, "Paint again");
  const edit = h("button", { type: "button", id: "edit", onclick: () => store.editJob(job) }, "Edit settings");
  const restart = h("button", { type: "button", id: "new", onclick: store.closeJob }, "New picture");
  const actions = job.expired ? [restart] : [retry, edit, restart];
  return {
    elements: [h(
      "div.backdrop.failure", {},
      inputImages(job),
      h("h2", {}, title),
      lines.map((line) => h("p", {}, line)),
      h("div.actions", {}, actions),
    )],
  };
}

function inputImages({ urls, film }) {
  const sources = [!film && urls.content, ...urls.style].filter(Boolean);
  return h("div.input-images", { "aria-hidden": "true" }, sources.map((src) => h("img", { src, alt: "" })));
}

function explanation(job) {
  if (job.expired) return { title: "This picture has expired", lines: ["The service keeps pictures for a limited time. You can paint a new one."] };
  if (job.status === "canceled") return { title: "Canceled", lines: ["The photo and the style are still here."] };
  const message = job.error?.message ?? "The service gave no reason.";
  return { title: "The job failed", lines: [message, ADVICE[job.error?.code]].filter(Boolean) };
}
