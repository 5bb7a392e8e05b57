// The picture while it is being painted.

import { makeCurve } from "./curve.js";
import { h } from "./dom.js";
import { say } from "./notices.js";
import { fillPigments } from "./pigments.js";
import { duration, few, place } from "./words.js";

/** Build the view of a running job; `update` shows a new state of it. */
export function liveView(studio, first) {
  const frame = h("div.frame");
  const mat = h("div.mat.waiting", {}, frame);
  const status = h("p.status");
  const facts = h("ul.facts");
  const bar = makeBar();
  const curve = makeCurve();
  const cancel = h("button", { type: "button", id: "cancel", onclick: () => cancelJob(studio, first, cancel) }, "Cancel");
  const stay = h("p.hint", {}, "You can close this page: the painting goes on, and is found again here.");
  const under = h("div.live-under", {}, bar.element, h("div.live-words", {}, status, facts), curve.element, cancel, stay);
  const show = makePreview(frame);
  const announce = makeAnnouncer();

  function update({ job, progress, losses, preview }) {
    const painting = preview !== null && preview !== undefined;
    mat.classList.toggle("waiting", !painting);
    show(painting ? preview : job.urls.content);
    status.textContent = statusWords(job, progress);
    facts.replaceChildren(...factsOf(job, progress).map((fact) => h("li", {}, fact)));
    bar.show(progress);
    curve.show(losses);
    if (job.cancel_requested_at) cancel.disabled = true;
    announce(job, progress);
  }

  return { elements: [mat, under], update, fillBar: (colours) => bar.fill(colours) };
}

async function cancelJob(studio, job, button) {
  button.disabled = true;
  button.textContent = "Canceling…";
  const done = await studio.attempt(() => studio.client.json(job.urls.cancel, { method: "POST" }));
  if (!done) {
    button.disabled = false;
    button.textContent = "Cancel";
  }
}

/** Show previews one after the other; of those that come while one is loaded only the newest is. */
function makePreview(frame) {
  let [wanted, shown, busy] = [null, null, false];

  async function load() {
    busy = true;
    while (wanted !== shown) {
      shown = wanted;
      await hang(frame, shown).catch(() => {}); // the next one will come
    }
    busy = false;
  }

  return (url) => {
    wanted = url ?? wanted;
    if (!busy) load();
  };
}

async function hang(frame, url) {
  const image = h("img.fresh", { alt: "The painting so far" });
  image.src = url;
  await image.decode();
  frame.append(image);
  frame.dataset.shown = String(Number(frame.dataset.shown ?? 0) + 1);
  while (frame.children.length > 2) frame.firstChild.remove();
}

function makeBar() {
  const pigments = h("div.pigments");
  const done = h("div", {}, pigments);
  const element = h("div.live-bar", { role: "progressbar", "aria-label": "Painted", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": "0" }, done);
  new ResizeObserver(() => pigments.style.setProperty("--whole", `${element.clientWidth}px`)).observe(element);
  return {
    element,
    fill: (colours) => fillPigments(pigments, colours),
    show(progress) {
      const share = progress?.total ? Math.round((100 * progress.iteration) / progress.total) : 0;
      done.style.width = `${share}%`;
      element.setAttribute("aria-valuenow", String(share));
    },
  };
}

function statusWords(job, progress) {
  if (job.cancel_requested_at) return "Stopping…";
  if (job.status === "queued") return job.queue_position ? `Waiting, ${place(job.queue_position)}` : "Waiting";
  if (!progress) return "Getting ready";
  const left = progress.eta_seconds;
  if (left !== null && left !== undefined) return left < 1 ? "Painting, nearly done" : `Painting, ${duration(left)} left`;
  return "Painting";
}

function factsOf(job, progress) {
  if (job.status === "queued") {
    const wait = job.queue_eta_seconds;
    const begins = wait ? `begins in about ${duration(wait)}` : "begins as soon as a worker is free";
    return [job.waiting_for ? `needs ${job.waiting_for}` : begins, job.attempt ? `attempt ${job.attempt + 1}` : ""].filter(Boolean);
  }
  if (!progress) return ["the network is being loaded"];
  return [
    `step ${progress.iteration} of ${progress.total}`,
    progress.scales > 1 ? `scale ${progress.scale} of ${progress.scales}` : "",
    progress.width ? `${progress.width} × ${progress.height}` : "",
    progress.loss ? `loss ${few(progress.loss)}` : "",
    progress.iterations_per_second ? `${few(progress.iterations_per_second)} steps/s` : "",
  ].filter(Boolean);
}

function makeAnnouncer() {
  let said = "";
  return (job, progress) => {
    const quarter = progress?.total ? Math.floor((4 * progress.iteration) / progress.total) * 25 : 0;
    const words = job.status === "queued" ? statusWords(job, progress) : `Painting, ${quarter} % done`;
    if (words !== said) say(words);
    said = words;
  };
}
