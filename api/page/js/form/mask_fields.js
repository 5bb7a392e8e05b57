// The masks of the chosen styles: where each is painted, and which part of it counts.

import { styleIds } from "../api/job_request.js";
import { byId, h } from "../lib/dom.js";
import { reportErrors } from "../state/errors.js";
import { readImage } from "../state/image_file.js";
import { pickFiles } from "./file_inputs.js";

const HINT = "A mask is a picture that is white where it applies, or opaque if it has transparency.";
// `part` is what the service calls the masks; a chosen style keeps its own under `property`.
const KINDS = [
  { part: "mask", property: "mask", question: (title) => `Where to paint ${title}`, without: "Everywhere" },
  { part: "style_mask", property: "styleMask", question: (title) => `Which part of ${title} counts`, without: "All of it" },
];

/** Build the fields, which follow the chosen styles. */
export function maskFields(store) {
  const rows = h("div.masks");
  let shown = null;
  store.chosenStyles.watch((chosen) => {
    const next = JSON.stringify(styleIds(chosen));
    if (next === shown) return; // only the weights have changed
    shown = next;
    const focusedId = rows.contains(document.activeElement) ? document.activeElement.id : null;
    rows.replaceChildren(...chosen.flatMap((_, index) => KINDS.map((kind) => row(store, chosen, index, kind))));
    if (focusedId) byId(focusedId)?.focus();
  });
  return h("fieldset", {}, h("legend", {}, "Masks"), h("p.hint", {}, HINT), rows);
}

function row(store, chosen, index, kind) {
  const style = chosen[index];
  const mask = style[kind.property];
  const masksBefore = chosen.slice(0, index).filter((each) => each[kind.property]).length; // the service counts files
  const question = kind.question(style.title);
  const onclick = () => (mask ? setMask(store, style, kind, null) : chooseMask(store, style, kind));
  return h(
    "div.photo-row", {},
    h("div.photo-thumbnail", { "aria-hidden": "true" }, mask?.url && h("img", { src: mask.url, alt: "" })),
    h("p.photo-text", {}, question, h("br"), h("span.hint", {}, mask?.name ?? kind.without)),
    h("button", {
      type: "button", id: `${kind.part}-of-${style.id}`, "data-field": kind.part, onclick,
      "data-pointer": mask && `#/${kind.part}/${masksBefore}`,
      "aria-label": mask ? `Remove the mask: ${question}` : `Choose a mask: ${question}`,
    }, mask ? "Remove" : "Choose…"),
  );
}

function chooseMask(store, style, kind) {
  const set = async (file) => setMask(store, style, kind, await readImage(file, { limits: store.limits.get() }));
  pickFiles({ onFiles: ([file]) => file && reportErrors(() => set(file)) });
}

function setMask(store, { id }, { property }, mask) {
  store.chosenStyles.set(store.chosenStyles.get().map((each) => (each.id === id ? { ...each, [property]: mask } : each)));
}
