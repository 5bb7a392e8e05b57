// The banner that is shown while the service does not respond.

import { byId, h } from "../lib/dom.js";
import { announce } from "./toasts.js";

/** Show the banner while the connection is lost. */
export function mountConnectionBanner(connection) {
  const banner = byId("banner");
  const text = h("span");
  banner.replaceChildren(text, h("button", { type: "button", onclick: connection.retry }, "Retry now"));
  connection.state.watch(({ online, seconds }) => {
    if (online && !banner.hidden) announce("The service is responding again.");
    text.textContent = `The service is not responding. Your choices are kept. Next try in ${seconds} s.`;
    banner.hidden = online;
  });
}
