// The view before a job: choose a photo, then see it with the chosen styles.

import { choosePhoto, exampleButtons } from "../form/photo_field.js";
import { h } from "../lib/dom.js";

/** Build the view without a photo. */
export function welcomeView(store) {
  const text = h("div", {}, h("h2", {}, "Start with a photo"), h("p", {}, "Drop a photo anywhere on this page, paste it, or try one of these."));
  const button = h("button.primary", { type: "button", onclick: () => choosePhoto(store) }, "Choose a photo");
  return { elements: [h("div.welcome", {}, h("div.welcome-head", {}, text, button), h("div.examples", {}, exampleButtons(store)))] };
}

/** Build the view of a photo and the chosen styles. */
export function photoView(store, photo) {
  const image = photo.url
    ? h("img", { src: photo.url, alt: `Your photo: ${photo.name}` })
    : h("p", {}, `This browser cannot show ${photo.name}, but you can paint it.`);
  const styles = h("div.chosen-styles", { "aria-hidden": "true" });
  const stop = store.chosenStyles.watch((chosen) => {
    const shown = chosen.filter(({ thumbnail }) => thumbnail).slice(0, 4);
    styles.replaceChildren(...shown.map(({ thumbnail }) => h("img", { src: thumbnail, alt: "" })));
  });
  const toolbar = h("div.toolbar", {}, h("button", { type: "button", onclick: () => choosePhoto(store) }, "Another photo"), exampleButtons(store));
  return { elements: [h("div.backdrop", {}, h("div.frame", {}, image), styles), toolbar], stop };
}
