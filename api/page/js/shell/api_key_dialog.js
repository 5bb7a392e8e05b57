// The API key and the dialog that asks for it. The key is kept for the tab, or in the browser if the visitor wants that.

import { readItem, writeItem } from "../lib/browser_storage.js";
import { byId } from "../lib/dom.js";
import { observable } from "../lib/observable.js";

/** Create the API key; the dialog opens when the service rejects it. */
export function createApiKey() {
  const secret = observable(readItem("key", "sessionStorage") ?? readItem("key"));
  const dialog = byId("key-dialog");
  const field = byId("key-field");
  const remember = byId("key-remember");
  byId("key-button").hidden = secret.get() === null;

  function open(error = "") {
    byId("key-button").hidden = false;
    byId("key-error").textContent = error;
    byId("key-error").hidden = !error;
    byId("key-forget").hidden = secret.get() === null;
    remember.checked = readItem("key") !== null;
    field.value = "";
    if (!dialog.open) dialog.showModal();
    field.focus();
  }

  function use(value) {
    writeItem("key", value, "sessionStorage");
    writeItem("key", remember.checked ? value : null);
    secret.set(value);
  }

  byId("key-form").addEventListener("submit", (event) => {
    if (field.value.trim()) return use(field.value.trim());
    event.preventDefault();
    return open("Enter a key. Keys start with nst_.");
  });
  byId("key-close").addEventListener("click", () => dialog.close());
  byId("key-forget").addEventListener("click", () => {
    use(null);
    dialog.close();
  });
  byId("key-button").addEventListener("click", () => open());

  return {
    get: secret.get,
    watch: secret.watch,
    /** Ask for another key. Requests sent before the key changed are rejected too late and are ignored. */
    reject(rejected) {
      if (rejected === secret.get() && !dialog.open) open(rejected === null ? "" : "The service rejected this key.");
    },
  };
}
