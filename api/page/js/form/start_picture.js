// The earlier picture that the next one starts from, if the visitor goes on from one.

import { byId, h } from "../lib/dom.js";

/** Show the earlier picture in the form, with a button that returns to starting from the photo. */
export function mountStartPicture({ startJob }) {
  const row = byId("start-picture");
  const startOver = () => {
    startJob.set(null);
    byId("choose-photo").focus();
  };
  startJob.watch((job) => {
    row.hidden = job === null;
    if (job === null) return row.replaceChildren();
    return row.replaceChildren(
      h("div.photo-thumbnail", { "aria-hidden": "true" }, h("img", { src: job.urls.result, alt: "" })),
      h("p.photo-text", {}, "Your picture", h("br"), h("span.hint", {}, "The next one starts from it.")),
      h("button", { type: "button", id: "start-over", "aria-label": "Start from the photo instead", onclick: startOver }, "Remove"),
    );
  });
}
