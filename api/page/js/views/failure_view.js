// The view of a job without a picture: it failed, was canceled, or its picture has expired.

import { h } from "../lib/dom.js";
import { sentence, words } from "../lib/format.js";

const INPUT_MISSING = "input_missing";
const ADVICE = {
  out_of_memory: "Choose a smaller size and paint again.",
  weights_missing: "Choose another network or preset.",
  diverged: "Choose a lower learning rate or style weight, or the default preset.",
  [INPUT_MISSING]: "Choose the photo and the style again.",
  timeout: "Choose a smaller size or fewer steps.",
  worker_lost: "Paint again. If that fails too, choose a smaller size.",
};
const MAY_PASS = new Set(["worker_lost", "out_of_memory", "storage_rejected", "internal"]);
const EDIT_HINT = "Edit settings puts the photo, the style and the settings of this job into the form.";

/** Build the view. */
export function failureView(store, job) {
  const { title, lines } = explanation(job);
  const button = (id, text, onclick) => h("button", { type: "button", id, onclick }, text);
  const retry = button("retry", "Paint again", () => store.retryJob(job));
  const edit = button("edit", "Edit settings", () => store.editJob(job));
  const restart = button("new", "New picture", store.closeJob);
  const actions = job.expired ? [restart] : [retry, edit, restart];
  ({ retry, edit, restart })[mostUseful(job)].classList.add("primary");
  actions.sort((one, other) => other.matches(".primary") - one.matches(".primary"));
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

/** Return which of the buttons helps: the same job may succeed, other settings may, or only other pictures. */
function mostUseful({ expired, status, error }) {
  if (expired || error?.code === INPUT_MISSING) return "restart";
  return status === "canceled" || MAY_PASS.has(error?.code) ? "retry" : "edit";
}

function inputImages({ urls, film }) {
  const sources = [!film && urls.content, ...urls.style].filter(Boolean);
  return h("div.input-images", { "aria-hidden": "true" }, sources.map((src) => h("img", { src, alt: "" })));
}

function explanation(job) {
  if (job.expired) return { title: "This picture has expired", lines: ["The service keeps pictures for a limited time. You can paint a new one."] };
  if (job.status === "canceled") return { title: "Canceled", lines: ["The photo and the style are still here."] };
  const code = job.error?.code;
  return { title: "The job failed", lines: [reason(job), ADVICE[code], code !== INPUT_MISSING && EDIT_HINT].filter(Boolean) };
}

/** Return the message of a failure as a sentence, with the names of parameters as the form has them. */
function reason({ error, params }) {
  if (!error) return "The service gave no reason.";
  // What follows the first sentence is advice for programs; ADVICE has it for visitors.
  const message = error.code === "diverged" ? error.message.split(/\.\s/)[0] : error.message;
  return sentence(message.replace(/\b[a-z]+(_[a-z]+)+\b/g, (name) => (name in params ? words(name) : name)));
}
