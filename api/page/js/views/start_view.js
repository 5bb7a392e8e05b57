// The view before a job: choose a photo, then see it with the chosen styles.

import { choosePhoto, exampleButtons } from "../form/photo_field.js";
import { h } from "../lib/dom.js";

/** Build the view without a photo. */
export function welcomeView(store) {
  const hints = [
    h("span.if-mouse", {}, "Drop a photo or a film anywhere on this page, paste it, or try one of these."),
    h("span.if-touch", {}, "Choose your own or try one of these."),
  ];
  const text = h("div", {}, h("h2", {}, "Start with a photo or film"), h("p", {}, hints));
  const button = h("button.primary", { type: "button", onclick: () => choosePhoto(store) }, "Choose a photo or film");
  return { elements: [h("div.welcome", {}, h("div.welcome-head", {}, text, button), h("div.examples", {}, exampleButtons(store)))] };
}

/** Build the view of a photo and the chosen styles, with the draft of them once there is one. */
export function photoView(store, photo) {
  const frame = h("div.frame");
  const styles = h("div.chosen-styles", { "aria-hidden": "true" });
  const mark = h("p.draft-mark", {}, "Draft");

  function showPicture() {
    const { url, isPainting } = store.drafts.state.get();
    const image = picture(store, photo);
    if (frame.firstChild?.src !== image.src || !image.src) frame.replaceChildren(image);
    frame.classList.toggle("outdated", Boolean(url) && isPainting);
    mark.hidden = !url;
  }

  function showStyles(chosen) {
    const shown = chosen.filter(({ thumbnail }) => thumbnail).slice(0, 4);
    styles.replaceChildren(...shown.map(({ thumbnail }) => h("img", { src: thumbnail, alt: "" })));
  }

  const stops = [store.startJob.watch(showPicture), store.drafts.state.watch(showPicture), store.chosenStyles.watch(showStyles)];
  const toolbar = h("div.toolbar", {}, h("button", { type: "button", onclick: () => choosePhoto(store) }, "Another photo or film"), exampleButtons(store));
  return { elements: [h("div.backdrop", {}, frame, mark, styles), toolbar], stop: () => stops.forEach((stop) => stop()) };
}

function picture({ drafts, startJob }, photo) {
  const { url } = drafts.state.get();
  if (url) return h("img", { src: url, alt: "Draft of the picture" });
  if (photo.film?.source) return photo.film.player();
  if (startJob.get()) return h("img", { src: startJob.get().urls.result, alt: "Your picture, from which the next one starts" });
  if (photo.url) return h("img", { src: photo.url, alt: `Your photo: ${photo.name}` });
  return h("p", {}, `This browser cannot show ${photo.name}, but you can paint it.`);
}
