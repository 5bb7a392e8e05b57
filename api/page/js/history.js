// Own jobs, newest first.

import { byId, h } from "./dom.js";
import { hasEnded, previewOf } from "./follow.js";
import { STATUS, ago } from "./words.js";

const PAGE = 8;

/** Make the history; `refresh` loads the newest jobs again, `put` shows a job that changed. */
export function makeHistory(studio) {
  const list = byId("history-list");
  const more = byId("history-more");
  let jobs = [];
  let cursor = null;
  let open = null;

  function draw() {
    list.replaceChildren(...jobs.map((job) => card(job, actions, job.id === open)));
    byId("history-empty").hidden = jobs.length > 0;
    more.hidden = cursor === null;
  }

  async function load(after = null) {
    const page = await studio.client.json(`v1/jobs?limit=${PAGE}${after ? `&cursor=${encodeURIComponent(after)}` : ""}`);
    jobs = after ? [...jobs, ...page.jobs] : page.jobs;
    cursor = page.next_cursor;
    draw();
    return jobs;
  }

  function put(job) {
    const known = jobs.some(({ id }) => id === job.id);
    jobs = known ? jobs.map((each) => (each.id === job.id ? job : each)) : [job, ...jobs];
    draw();
  }

  async function remove(job) {
    if (!(await confirmed())) return;
    const done = await studio.attempt(() => studio.client.request(job.urls.self, { method: "DELETE" }));
    if (!done) return;
    jobs = jobs.filter(({ id }) => id !== job.id);
    draw();
    studio.removed(job);
    byId("history").focus();
  }

  const actions = { open: (job) => studio.openJob(job.id), retry: (job) => studio.retry(job), remove };
  more.addEventListener("click", () => studio.attempt(() => load(cursor)));
  /** Look again at jobs that go on elsewhere, unless older ones were asked for. */
  async function glance() {
    if (jobs.length <= PAGE && jobs.some((job) => !hasEnded(job))) await load();
  }

  return { refresh: () => load(), glance, put, mark: (id) => { open = id; draw(); } };
}

function card(job, actions, isOpen) {
  const when = ago(job.created_at);
  const name = `${STATUS[job.status]} ${when}${job.style_names.length ? `, ${job.style_names[0]}` : ""}`;
  const picture = job.urls.result ?? previewOf(job) ?? job.urls.content;
  const face = picture ? h("img", { src: picture, alt: "", loading: "lazy" }) : job.expired ? "Expired" : STATUS[job.status];
  const button = (label, symbol, run) => h("button.quiet", { type: "button", title: label, "aria-label": `${label}: ${name}`, onclick: () => run(job) }, symbol);
  const words = job.status === "succeeded" ? (job.expired ? "Expired" : when) : STATUS[job.status];
  return h(
    isOpen ? "li.card.open" : "li.card", { "data-job": job.id },
    h("button.card-open", { type: "button", "aria-label": `Open: ${name}`, "aria-current": isOpen ? "true" : null, onclick: () => actions.open(job) }, face),
    h("div.card-foot", {},
      h(job.status === "failed" ? "span.words.failed" : "span.words", {}, words),
      hasEnded(job) && !job.expired && button("Paint again", "↻", actions.retry),
      button("Delete", "×", actions.remove)),
  );
}

function confirmed() {
  const dialog = byId("delete-dialog");
  dialog.returnValue = "keep";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "delete"), { once: true });
  });
}
