// Takes the photo and the style images that visitors choose.

import { announce, toast } from "../shell/toasts.js";
import { readImage, releaseImage } from "./image_file.js";

/** Return the actions that put images into the store. */
export function imageActions(store) {
  let uploads = 0;
  let requests = 0;
  let shownRequest = 0;

  /** Read a photo or a film, or a promise of one, and return it; one that was asked for later is not replaced. */
  async function setPhoto(blob, name) {
    requests += 1;
    const request = requests;
    const photo = await readImage(await blob, { name, limits: store.limits.get(), films: true });
    if (request < shownRequest) {
      releaseImage(photo);
      throw new DOMException("A later photo is shown.", "AbortError");
    }
    shownRequest = request;
    const previous = store.photo.get();
    if (store.job.get()) store.closeJob();
    store.startJob.set(null);
    const hadMask = previous && removeMasks();
    store.photo.set(photo);
    releaseImage(previous);
    const message = `The ${photo.film ? "film" : "photo"} is ${photo.name}.`;
    if (hadMask) toast(`${message} The masks of the photo before it were removed.`);
    else announce(message);
    return photo;
  }

  /** Remove where to paint each style; returns whether there was such a mask. */
  function removeMasks() {
    const chosen = store.chosenStyles.get();
    if (!chosen.some(({ mask }) => mask)) return false;
    store.chosenStyles.set(chosen.map((style) => ({ ...style, mask: null })));
    return true;
  }

  async function addStyle(blob, name) {
    const image = await readImage(blob, { name, limits: store.limits.get() });
    uploads += 1;
    const style = { id: `upload-${uploads}`, name: null, title: image.name, summary: "", thumbnail: image.url, url: null, image };
    store.styles.set([...store.styles.get(), style]);
    const chosen = store.chosenStyles.get();
    const mixed = chosen.length > 1 && chosen.length < store.limits.get().max_styles;
    store.chosenStyles.set(mixed ? [...chosen, style] : [style]);
    announce(`The style is ${image.name}.`);
    return style;
  }

  function removeStyle(style) {
    const without = (styles) => styles.filter(({ id }) => id !== style.id);
    const styles = without(store.styles.get());
    const chosen = without(store.chosenStyles.get());
    releaseImage(style.image);
    store.styles.set(styles);
    store.chosenStyles.set(chosen.length ? chosen : styles.slice(0, 1));
  }

  releaseMasks(store);
  return { setPhoto, addStyle, removeStyle };
}

/** Free the masks that no chosen style has any more, and say so if they went with their style. */
function releaseMasks({ chosenStyles }) {
  const masksOf = ({ mask, styleMask }) => [mask, styleMask].filter(Boolean);
  let before = [];
  chosenStyles.watch((chosen) => {
    const kept = chosen.flatMap(masksOf);
    for (const mask of before.flatMap(masksOf)) if (!kept.includes(mask)) releaseImage(mask);
    const gone = before.filter((style) => masksOf(style).length && !chosen.some(({ id }) => id === style.id));
    before = chosen;
    if (gone.length) toast(`The masks of ${gone.map(({ title }) => title).join(" and ")} were removed.`);
  });
}
