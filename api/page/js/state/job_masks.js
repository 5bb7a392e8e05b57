// The masks of an earlier job.

import { readImage, releaseImage } from "./image_file.js";

const FILLER_SIDE = 16; // of the white mask that this page sends for a style without one

/** Return a job's styles with their masks, which the service lists in the order of the styles. */
export async function withMasks(store, { urls }, styles) {
  const read = (urlsOfMasks) => Promise.all(urlsOfMasks.map((url) => readMask(store, url)));
  const [masks, styleMasks] = await Promise.all([read(urls.mask), read(urls.style_mask)]);
  return styles.map((style, index) => ({ ...style, mask: masks[index], styleMask: styleMasks[index] }));
}

/** Read a mask; returns null for one that only fills the place of a style without a mask. */
async function readMask(store, url) {
  const mask = await readImage(await store.client.blob(url), { name: "Earlier mask", limits: store.limits.get() });
  if (!(await isFiller(mask))) return mask;
  releaseImage(mask);
  return null;
}

async function isFiller({ blob, width, height }) {
  if (width !== FILLER_SIDE || height !== FILLER_SIDE) return false;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(await createImageBitmap(blob), 0, 0);
  return context.getImageData(0, 0, width, height).data.every((value) => value === 255);
}
