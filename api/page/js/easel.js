// The stage before anything is painted: choose a photo, then see it beside the painting.

import { h } from "./dom.js";
import { choosePhoto, exampleButtons } from "./photo.js";

/** Build the view without a photo. */
export function welcomeView(studio) {
  const choose = h("button.primary", { type: "button", id: "begin", onclick: () => choosePhoto(studio) }, "Choose a photo");
  const words = h("div", {}, h("h2", {}, "Begin with a photo"), h("p", {}, "Drop one anywhere on this page, paste it, or try one of these."));
  return {
    elements: [h("div.welcome", {}, h("div.welcome-words", {}, words, choose), h("div.examples", {}, exampleButtons(studio)))],
  };
}

/** Build the view of a photo with the chosen painting beside it. */
export function photoView(studio, photo) {
  const image = photo.url
    ? h("img", { src: photo.url, alt: `Your photo: ${photo.name}` })
    : h("p", {}, `${photo.name} cannot be shown by this browser, but it can be painted.`);
  const manner = h("div.manner", { "aria-hidden": "true" });
  const stop = studio.chosenStyles.watch((chosen) => {
    manner.replaceChildren(...chosen.filter(({ thumb }) => thumb).slice(0, 4).map(({ thumb }) => h("img", { src: thumb, alt: "" })));
  });
  const strip = h("div.strip", {}, h("button", { type: "button", onclick: () => choosePhoto(studio) }, "Another photo"), exampleButtons(studio));
  return { elements: [h("div.mat", {}, h("div.frame", {}, image), manner), strip], stop };
}
