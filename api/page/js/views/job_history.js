// The list of the visitor's jobs, newest first.

import { isDraft } from "../api/draft_request.js";
import { hasEnded, previewUrl } from "../api/job.js";
import { byId, h } from "../lib/dom.js";
import { STATUS_LABELS, timeAgo } from "../lib/format.js";
import { reportErrors } from "../state/errors.js";

const PAGE_SIZE = 8;

/** Create the list; it is empty until `load` is called. */
export function createJobHistory(store) {
  const list = byId("history-list");
  const more = byId("history-more");
  let jobs = [];
  let cursor = null;
  let openId = null;

  function draw() {
    list.replaceChildren(...jobs.map((job) => card(job, { actions, isOpen: job.id === openId })));
    byId("history-empty").hidden = jobs.length > 0;
    more.hidden = cursor === null;
  }

  async function fetchPage(after = null) {
    const page = await store.client.json(`v1/jobs?limit=${PAGE_SIZE}${after ? `&cursor=${encodeURIComponent(after)}` : ""}`);
    const kept = page.jobs.filter((job) => !isDraft(job));
    jobs = after ? [...jobs, ...kept] : kept;
    cursor = page.next_cursor;
    draw();
    return jobs;
  }

  /** Show a new or changed job. */
  function put(job) {
    const isKnown = jobs.some(({ id }) => id === job.id);
    jobs = isKnown ? jobs.map((each) => (each.id === job.id ? job : each)) : [job, ...jobs];
    draw();
  }

  /** Mark a job as the open one. */
  function mark(id) {
    openId = id;
    draw();
  }

  /** Load the jobs again if one has not ended, unless the visitor has asked for older ones. */
  async function refresh() {
    if (jobs.length <= PAGE_SIZE && jobs.some((job) => !hasEnded(job))) await fetchPage();
  }

  async function remove(job) {
    if (!(await confirmDelete())) return;
    if (!(await reportErrors(() => store.client.request(job.urls.self, { method: "DELETE" })))) return;
    jobs = jobs.filter(({ id }) => id !== job.id);
    draw();
    if (job.id === openId) store.closeJob();
    byId("history").focus();
  }

  const actions = { open: (job) => store.openJob(job.id), retry: store.retryJob, remove };
  more.addEventListener("click", () => reportErrors(() => fetchPage(cursor)));
  return { load: () => fetchPage(), refresh, put, mark };
}

function card(job, { actions, isOpen }) {
  const created = timeAgo(job.created_at);
  const name = [`${STATUS_LABELS[job.status]} ${created}`, ...job.style_names.slice(0, 1), job.film && "film"].filter(Boolean).join(", ");
  const status = job.expired ? "Expired" : STATUS_LABELS[job.status];
  const source = job.film ? previewUrl(job) : job.urls.result ?? previewUrl(job) ?? job.urls.content;
  const button = (label, symbol, run) => (
    h("button.quiet", { type: "button", title: label, "aria-label": `${label}: ${name}`, onclick: () => run(job) }, symbol));
  return h(
    isOpen ? "li.card.open" : "li.card", { "data-job": job.id },
    h(
      "button.card-open",
      { type: "button", "aria-label": `Open: ${name}`, "aria-current": isOpen ? "true" : null, onclick: () => actions.open(job) },
      source ? h("img", { src: source, alt: "", loading: "lazy" }) : status,
      job.film && h("span.card-mark", {}, "Film"),
    ),
    h(
      "div.card-foot", {},
      h(job.status === "failed" ? "span.card-text.failed" : "span.card-text", {}, job.status === "succeeded" && !job.expired ? created : status),
      hasEnded(job) && !job.expired && button("Paint again", "↻", actions.retry),
      button("Delete", "×", actions.remove),
    ),
  );
}

function confirmDelete() {
  const dialog = byId("delete-dialog");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "delete"), { once: true });
  });
}
