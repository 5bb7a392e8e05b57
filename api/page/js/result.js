// The finished picture, and what to do with it.

import { copy } from "./clipboard.js";
import { compareView } from "./compare.js";
import { curlOf } from "./curl.js";
import { h } from "./dom.js";
import { bytes, duration } from "./words.js";

const FORMATS = [["PNG, exact", "png"], ["JPEG, small", "jpeg"], ["WebP, smaller", "webp"]];

/** Build the view of a finished job. */
export function resultView(studio, job) {
  const { width, height } = job.result;
  const compare = compareView({ before: job.urls.content, after: job.urls.result, width, height });
  const mat = h("div.mat", { id: "result" }, compare.elements);
  return { elements: [mat, h("div.under", {}, words(job), tools(studio, job, mat))], update() {} };
}

function words(job) {
  const { width, height, bytes: size } = job.result;
  const facts = [`${width} × ${height}`, bytes(size), `${job.result.iterations} steps`, `painted in ${duration(job.run_seconds)}`];
  return h("div", {}, h("p.status", {}, "Finished"), h("ul.facts", {}, facts.map((fact) => h("li", {}, fact))));
}

function tools(studio, job, mat) {
  const button = (label, run, id = null) => h("button", { type: "button", id, onclick: run }, label);
  return h(
    "div.strip", {},
    downloads(studio, job),
    job.urls.timelapse && timelapseButton(studio, job, mat),
    button("Use as photo", () => reuse(studio, job, "photo"), "use-as-photo"),
    button("Use as painting", () => reuse(studio, job, "style"), "use-as-style"),
    button("Again with changes", () => studio.reopen(job), "again"),
    button("Copy as curl", () => copyCurl(studio, job), "copy-curl"),
    h("span.spacer"),
    button("New picture", () => studio.startAnew(), "new"),
  );
}

function downloads(studio, job) {
  const links = FORMATS.map(([label, format]) => h("a.item", { download: `painting.${format === "jpeg" ? "jpg" : format}`, "data-format": format }, label));
  const aim = (url) => links.forEach((link) => link.setAttribute("href", withFormat(url, link.dataset.format)));
  // Signed URLs are good for a while only, and the page may have been open for longer.
  const renew = () => studio.client.json(job.urls.self).then(({ urls }) => urls.result && aim(urls.result), () => {});
  const details = h("details.downloads", {}, h("summary.button.primary", { id: "download" }, "Download"), h("ul", {}, links.map((link) => h("li", {}, link))));
  aim(job.urls.result);
  const close = (event) => { if (!details.contains(event.target)) details.open = false; };
  details.addEventListener("toggle", () => { if (details.open) renew(); });
  details.addEventListener("toggle", () => document[details.open ? "addEventListener" : "removeEventListener"]("click", close));
  details.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !details.open) return;
    details.open = false;
    details.querySelector("summary").focus();
  });
  return details;
}

function withFormat(url, format) {
  return `${url}${url.includes("?") ? "&" : "?"}format=${format}`;
}

function timelapseButton(studio, job, mat) {
  let shown = null;
  const button = h("button", { type: "button", id: "play", "aria-pressed": "false" }, "Time-lapse");
  const mark = () => button.setAttribute("aria-pressed", String(shown !== null));
  button.addEventListener("click", async () => {
    if (shown) {
      shown.remove();
      shown = null;
      return mark();
    }
    button.disabled = true;
    await studio.attempt(async () => {
      // A blob of its own each time: an animation that is kept would begin where it stopped.
      const url = URL.createObjectURL(await studio.client.blob(job.urls.timelapse));
      const image = h("img", { src: url, alt: "The painting as it was made", onload: () => URL.revokeObjectURL(url) });
      shown = h("div.lapse", {}, h("div.frame", {}, image));
      mat.append(shown);
    });
    button.disabled = false;
    return mark();
  });
  return button;
}

async function reuse(studio, job, role) {
  await studio.attempt(async () => {
    const blob = await studio.client.blob(job.urls.result);
    const name = "Your painting";
    if (role === "photo") await studio.takePhoto(blob, name);
    else await studio.takeStyle(blob, name);
    studio.tell(role === "photo" ? "The painting is the photo now." : "The painting hangs with the others now, and is chosen.");
  });
}

async function copyCurl(studio, job) {
  const text = curlOf({
    origin: new URL(".", document.baseURI).href,
    params: studio.changesOf(job.params),
    options: job.urls.timelapse ? { timelapse: true } : {},
    styleNames: job.style_names,
    styleCount: job.urls.style.length,
    keyed: studio.key.get() !== null,
  });
  studio.tell((await copy(text)) ? "The command is copied; put your own files in." : "The browser did not let the command be copied.");
}
