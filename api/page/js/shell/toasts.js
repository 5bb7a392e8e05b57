// Short messages: toasts for everyone, announcements for screen readers.

import { byId, h } from "../lib/dom.js";

const TOAST_MILLISECONDS = 7000;

/** Announce a message to screen readers. */
export function announce(message) {
  byId("announcer").textContent = message;
}

/** Show a message for some seconds, and announce it. */
export function toast(message) {
  const close = h("button", { type: "button", "aria-label": "Close this message", onclick: () => element.remove() }, "×");
  const element = h("div.toast", {}, h("span", {}, message), close);
  byId("toasts").append(element);
  announce(message);
  setTimeout(() => element.remove(), TOAST_MILLISECONDS);
}
