// The view of a job that waits or runs: previews, progress and losses.

import { h } from "../lib/dom.js";
import { duration, percent, queuePosition, shortNumber } from "../lib/format.js";
import { announce } from "../shell/toasts.js";
import { reportErrors } from "../state/errors.js";
import { createLossChart } from "./loss_chart.js";

/** Build the view; `update` shows a new state of the job watcher. */
export function runningView({ client }, initial) {
  const frame = h("div.frame");
  const backdrop = h("div.backdrop", {}, frame);
  const status = h("p.status");
  const facts = h("ul.facts");
  const bar = createProgressBar();
  const chart = createLossChart();
  const cancel = h("button", { type: "button", id: "cancel", onclick: () => cancelJob(client, initial, cancel) }, "Cancel");
  const hint = h("p.hint", {}, "You can close this page. The job keeps running and is here when you come back.");
  const panel = h("div.progress", {}, bar.element, h("div", {}, status, facts), chart.element, cancel, hint);
  const showImage = createImageQueue(frame);
  const announceProgress = createAnnouncer();
  if (initial.film) showFilm(frame, initial).catch(() => {}); // the frame stays empty

  function update({ job, progress, losses, preview }) {
    backdrop.classList.toggle("waiting", !preview);
    showImage(preview ?? (job.film ? null : job.urls.content));
    status.textContent = statusText(job, progress);
    facts.replaceChildren(...jobFacts(job, progress).map((fact) => h("li", {}, fact)));
    bar.show(progress);
    chart.show(losses);
    if (job.cancel_requested_at) cancel.disabled = true;
    announceProgress(job, progress);
  }

  return { elements: [backdrop, panel], update };
}

async function cancelJob(client, job, button) {
  button.disabled = true;
  button.textContent = "Canceling…";
  if (await reportErrors(() => client.json(job.urls.cancel, { method: "POST" }))) return;
  button.disabled = false;
  button.textContent = "Cancel";
}

/** Show images one after the other. Of those that arrive while one loads, only the newest is shown. */
function createImageQueue(frame) {
  let [wanted, shown, isLoading] = [null, null, false];

  async function load() {
    isLoading = true;
    while (wanted !== shown) {
      shown = wanted;
      await showPreview(frame, shown).catch(() => {}); // the next preview replaces it
    }
    isLoading = false;
  }

  return (url) => {
    wanted = url ?? wanted;
    if (!isLoading) load();
  };
}

/** Show the first frame of a film until there is a preview. */
async function showFilm(frame, { urls }) {
  const { filmStill } = await import("../film/film_player.js");
  if (!frame.firstChild) frame.append(filmStill(urls.content));
}

async function showPreview(frame, url) {
  const image = h("img.fade-in", { src: url, alt: "Preview of the picture" });
  await image.decode();
  frame.append(image);
  frame.dataset.shown = String(Number(frame.dataset.shown ?? 0) + 1);
  while (frame.children.length > 2) frame.firstChild.remove();
}

function createProgressBar() {
  const palette = h("div.palette");
  const element = h("div.progress-bar", { role: "progressbar", "aria-label": "Progress", "aria-valuemin": "0", "aria-valuemax": "100" }, palette);
  return {
    element,
    show(progress) {
      const share = Math.round(100 * fractionDone(progress));
      palette.style.clipPath = `inset(0 ${100 - share}% 0 0)`;
      element.setAttribute("aria-valuenow", String(share));
    },
  };
}

function fractionDone(progress) {
  return progress?.total ? progress.iteration / progress.total : 0;
}

function statusText(job, progress) {
  if (job.cancel_requested_at) return "Canceling…";
  if (job.status === "queued") return job.queue_position ? `Waiting, ${queuePosition(job.queue_position)}` : "Waiting";
  if (!progress) return "Preparing";
  const seconds = progress.eta_seconds ?? null;
  if (seconds === null) return "Painting";
  return seconds < 1 ? "Painting, almost done" : `Painting, ${duration(seconds)} left`;
}

function jobFacts(job, progress) {
  if (job.status === "queued") return queueFacts(job);
  if (!progress) return ["loading the network"];
  return [
    progress.frames && `${progress.frame} of ${progress.frames} frames`,
    `step ${progress.iteration} of ${progress.total}`,
    progress.scales > 1 && `scale ${progress.scale} of ${progress.scales}`,
    progress.width && `${progress.width} × ${progress.height}`,
    progress.loss && `loss ${shortNumber(progress.loss)}`,
    progress.iterations_per_second && `${shortNumber(progress.iterations_per_second)} steps/s`,
  ].filter(Boolean);
}

function queueFacts({ waiting_for: missing, queue_eta_seconds: seconds, attempt }) {
  const start = seconds ? `starts in about ${duration(seconds)}` : "starts when a worker is free";
  return [missing ? `needs ${missing}` : start, attempt && `attempt ${attempt + 1}`].filter(Boolean);
}

// Screen readers hear the place in the queue, then each quarter of the progress.
function createAnnouncer() {
  let last = "";
  return (job, progress) => {
    const quarter = Math.floor(4 * fractionDone(progress)) / 4;
    const message = job.status === "queued" ? statusText(job, progress) : `Painting, ${percent(quarter)} done`;
    if (message !== last) announce(message);
    last = message;
  };
}
