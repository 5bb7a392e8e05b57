// The switch of the live draft and what became of the last one. On a phone, where the view is out of
// sight while the visitor changes settings, the row shows the draft too.

import { byId, h } from "../lib/dom.js";
import { announce } from "../shell/toasts.js";

/** Show the switch beside the Paint button. */
export function mountDraftRow({ drafts }) {
  const thumbnail = h("div.draft-thumbnail", { "aria-hidden": "true" });
  const input = h("input", { type: "checkbox", id: "live-draft", onchange: () => drafts.enable(input.checked) });
  const note = h("p.hint");
  byId("draft-row").replaceChildren(thumbnail, h("div.draft-text", {}, h("label.check", {}, input, "Show a draft of each change"), note));
  drafts.enabled.watch((isOn) => { input.checked = isOn; });
  let shown = null;
  drafts.state.watch((state) => {
    const text = state.note || (state.isPainting ? "Painting a draft…" : "");
    note.textContent = text;
    note.hidden = !text;
    if (state.note && state.note !== shown?.note) announce(state.note);
    if (state.url !== shown?.url) {
      thumbnail.replaceChildren(state.url ? h("img", { src: state.url, alt: "" }) : "");
      if (state.url) announce("The draft is shown. Press Paint for the finished picture.");
    }
    shown = state;
  });
}
