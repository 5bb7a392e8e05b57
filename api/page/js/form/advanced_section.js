// The section "More options". Its controls, and the code that builds them, are loaded when it is first opened.

import { byId, h } from "../lib/dom.js";
import { reportErrors } from "../state/errors.js";

/** Build the controls when the visitor first opens "More options". */
export function mountAdvancedControls(store) {
  const details = byId("advanced");
  const box = byId("advanced-controls");
  let isRequested = false;
  details.addEventListener("toggle", async () => {
    if (!details.open || isRequested) return;
    box.replaceChildren(h("p.hint", {}, "Loading…"));
    isRequested = true;
    isRequested = await reportErrors(async () => {
      const [{ advancedControls }, { maskFields }, openapi] = await Promise.all([
        import("./advanced_controls.js"), import("./mask_fields.js"), store.client.json("openapi.json"),
      ]);
      box.replaceChildren(maskFields(store), ...advancedControls(store.params, openapi));
    });
    if (!isRequested) box.replaceChildren(h("p.hint", {}, "The options could not be loaded. Close and open this section to try again."));
  });
}
