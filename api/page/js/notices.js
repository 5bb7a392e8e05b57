// Telling people things: a spoken line, toasts, and the banner while the service is away.

import { byId, h } from "./dom.js";

const SECONDS = 7;

/** Say something to screen readers. */
export function say(words) {
  byId("live").textContent = words;
}

/** Show a short message, with something to do about it if there is. */
export function toast(words, action = null) {
  const remove = () => element.remove();
  const button = action && h("button", { type: "button", onclick: () => { remove(); action.run(); } }, action.label);
  const close = h("button", { type: "button", "aria-label": "Close this message", onclick: remove }, "×");
  const element = h("div.toast", {}, h("span", {}, words), button, close);
  byId("toasts").append(element);
  say(words);
  setTimeout(remove, SECONDS * 1000);
}

/** Show the banner whenever the service is away. */
export function showConnection(connection) {
  const banner = byId("banner");
  const words = h("span");
  const button = h("button", { type: "button", onclick: () => connection.ask() }, "Try now");
  let wasOnline = true;
  connection.state.watch(({ online, seconds }) => {
    if (online && !wasOnline) say("The service answers again.");
    if (!online && wasOnline) banner.replaceChildren(words, button);
    banner.hidden = online;
    wasOnline = online;
    words.textContent = `The service does not answer. What you chose is kept here; trying again in ${seconds} s.`;
  });
}
