// The API key: kept for this tab, or in this browser if asked to; a dialog asks for it.

import { byId } from "./dom.js";
import { observable } from "./observable.js";
import { keep, recall } from "./storage.js";

/** Make the key; `accepted` tells watchers that another key is to be tried. */
export function makeKey() {
  const secret = observable(recall("key", "sessionStorage") ?? recall("key"));
  const wanted = observable(secret.get() !== null);
  const dialog = byId("key-dialog");
  const field = byId("key-field");

  function open(problem = "") {
    wanted.set(true);
    byId("key-problem").textContent = problem;
    byId("key-problem").hidden = !problem;
    byId("key-forget").hidden = secret.get() === null;
    byId("key-remember").checked = recall("key") !== null;
    field.value = "";
    if (!dialog.open) dialog.showModal();
    field.focus();
  }

  function use(value) {
    const remember = byId("key-remember").checked;
    keep("key", value, "sessionStorage");
    keep("key", remember ? value : null);
    secret.set(value);
  }

  byId("key-form").addEventListener("submit", (event) => {
    if (field.value.trim()) return use(field.value.trim());
    event.preventDefault();
    return open("Paste the key first; it begins with nst_.");
  });
  byId("key-cancel").addEventListener("click", () => dialog.close());
  byId("key-forget").addEventListener("click", () => {
    byId("key-remember").checked = false;
    use(null);
    dialog.close();
  });
  byId("key-button").addEventListener("click", () => open());
  wanted.watch((is) => { byId("key-button").hidden = !is; });

  return {
    get: secret.get,
    watch: secret.watch,
    /** Ask for another key; several requests may be refused at once, some for a key that was changed meanwhile. */
    refused(used) {
      if (used === secret.get() && !dialog.open) open(used === null ? "" : "The service does not accept this key.");
    },
  };
}
