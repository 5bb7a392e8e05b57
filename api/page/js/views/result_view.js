// The view of a finished job: the result beside the photo, and the tools for it.

import { hasOnlyBuiltIn, withQuery } from "../api/job.js";
import { copyText } from "../lib/clipboard.js";
import { h } from "../lib/dom.js";
import { byteSize, duration } from "../lib/format.js";
import { toast } from "../shell/toasts.js";
import { reportErrors } from "../state/errors.js";
import { compareSlider } from "./compare_slider.js";
import { curlCommand } from "./curl_command.js";

const FORMATS = [["PNG (lossless)", "png", "png"], ["JPEG (small)", "jpeg", "jpg"], ["WebP (smallest)", "webp", "webp"]];

/** Build the view. */
export function resultView(store, job) {
  const { width, height } = job.result;
  const { content: before, result: after } = job.urls;
  const backdrop = h("div.backdrop", { id: "result" }, !job.film && compareSlider({ before, after, width, height }).elements);
  if (job.film) reportErrors(async () => backdrop.append((await import("../film/film_player.js")).filmResult(job)));
  return { elements: [backdrop, h("div.result-panel", {}, resultFacts(job), toolbar(store, job, backdrop))] };
}

function resultFacts({ film, result, run_seconds: seconds }) {
  const work = film ? `${film.frames} frames` : `${result.iterations} steps`;
  const facts = [`${result.width} × ${result.height}`, byteSize(result.bytes), work, `painted in ${duration(seconds)}`];
  return h("div", {}, h("p.status", {}, "Finished"), h("ul.facts", {}, facts.map((fact) => h("li", {}, fact))));
}

function toolbar(store, job, backdrop) {
  const button = (id, label, onclick) => h("button", { type: "button", id, onclick }, label);
  return h(
    "div.toolbar", {},
    downloadMenu(store, job),
    button("edit", "Edit settings", () => store.editJob(job)),
    job.urls.timelapse && timelapseButton(store, job, backdrop),
    moreMenu(store, job),
    h("span.spacer"),
    button("new", "New picture", store.closeJob),
  );
}

function moreMenu(store, job) {
  const item = (id, label, onclick) => h("button.quiet.item", { type: "button", id, onclick }, label);
  const menu = popUp(h("summary.button", { id: "more" }, "More"), [
    !job.film && [
      item("go-on", "Go on from this picture", () => store.goOnFrom(job)),
      item("use-as-photo", "Use as photo", () => useResult(store, job, "photo")),
      item("use-as-style", "Use as style", () => useResult(store, job, "style")),
    ],
    item("copy-curl", "Copy as curl", () => copyCurl(store, job)),
  ].flat().filter(Boolean));
  menu.querySelector("ul").addEventListener("click", () => closeMenu(menu));
  return menu;
}

function downloadMenu({ client }, job) {
  // A film is not converted.
  const formats = job.film ? [[job.output_format.toUpperCase(), job.output_format, job.output_format]] : FORMATS;
  const links = formats.map(([label, format, suffix]) => ({ format, element: h("a.item", { download: `picture.${suffix}` }, label) }));
  const setUrl = (url) => links.forEach(({ format, element }) => element.setAttribute("href", withQuery(url, "format", format)));
  // Signed URLs expire, and the page may have been open for longer.
  const renewUrl = () => client.json(job.urls.self).then(({ urls }) => urls.result && setUrl(urls.result), () => {});
  setUrl(job.urls.result);
  const menu = popUp(h("summary.button.primary", { id: "download" }, "Download"), links.map(({ element }) => element));
  menu.addEventListener("toggle", () => { if (menu.open) renewUrl(); });
  return menu;
}

/** Build a menu that a click elsewhere or Escape closes. */
function popUp(summary, items) {
  const menu = h("details.menu", {}, summary, h("ul", {}, items.map((element) => h("li", {}, element))));
  const closeOutside = (event) => { if (!menu.contains(event.target)) menu.open = false; };
  menu.addEventListener("toggle", () => {
    if (menu.open) document.addEventListener("click", closeOutside);
    else document.removeEventListener("click", closeOutside);
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) closeMenu(menu);
  });
  return menu;
}

function closeMenu(menu) {
  menu.open = false;
  menu.querySelector("summary").focus(); // it may have been within the menu
}

function timelapseButton({ client }, job, backdrop) {
  let player = null;
  const button = h("button", { type: "button", id: "play", "aria-pressed": "false", onclick: toggle }, "Time-lapse");

  async function open() {
    // A new blob each time: a cached animation would continue where it stopped.
    const url = URL.createObjectURL(await client.blob(job.urls.timelapse));
    const image = h("img", { src: url, alt: "Time-lapse of the picture", onload: () => URL.revokeObjectURL(url) });
    player = h("div.timelapse", {}, h("div.frame", {}, image));
    backdrop.append(player);
  }

  function close() {
    player.remove();
    player = null;
  }

  async function toggle() {
    button.disabled = true;
    await reportErrors(player ? close : open);
    button.disabled = false;
    button.setAttribute("aria-pressed", String(player !== null));
  }

  return button;
}

async function useResult(store, job, role) {
  await reportErrors(async () => {
    const blob = await store.client.blob(job.urls.result);
    if (role === "photo") await store.setPhoto(blob, "Your picture");
    else await store.addStyle(blob, "Your picture");
    toast(role === "photo" ? "The picture is the photo now." : "The picture was added to the styles and is chosen.");
  });
}

async function copyCurl(store, job) {
  const film = job.film && (await import("../film/film_controls.js")).filmOptions(job);
  const isBuiltIn = hasOnlyBuiltIn(job);
  const command = curlCommand({
    origin: new URL(".", document.baseURI).href,
    content: film ? "film.mp4" : "photo.jpg",
    params: {
      preset: job.params.preset,
      ...store.params.changesFromPreset(job.params),
      ...film,
      ...(job.urls.timelapse && { timelapse: true }),
      ...(isBuiltIn && { style_name: job.style_names.length > 1 ? job.style_names : job.style_names[0] }),
    },
    files: { style: isBuiltIn ? 0 : job.urls.style.length, mask: job.urls.mask.length, style_mask: job.urls.style_mask.length },
    withKey: store.apiKey.get() !== null,
  });
  toast((await copyText(command)) ? "The command was copied. Replace the file names with yours." : "The browser did not allow copying.");
}
