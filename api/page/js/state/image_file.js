// Reads and checks an image file that a visitor chose.

import { byteSize } from "../lib/format.js";

// Whether browsers can show the type; the service accepts all of these.
const SHOWN = {
  "image/jpeg": true, "image/png": true, "image/webp": true, "image/avif": true,
  "image/tiff": false, "image/heic": false, "image/heif": false,
};
const TYPES_BY_SUFFIX = { heic: "image/heic", heif: "image/heic", tif: "image/tiff", tiff: "image/tiff", mp4: "video/mp4", mov: "video/quicktime" };
const MAY_MOVE = /^(video\/|image\/(gif|a?png|webp)$)/;

/** What file pickers accept. */
export const ACCEPT = [...Object.keys(SHOWN), "video/*", "image/gif", "image/apng", ".heic", ".heif", ".tif", ".tiff"].join(",");

/** A file cannot be used; the message says why. */
export class ImageError extends Error {}

/** Read an image; returns { blob, name, url, width, height }, without URL and size if the browser cannot show it.
    With `films`, it may be one, and then has `film`, see film_file.js. */
export async function readImage(blob, { name = blob.name || "Pasted picture", limits, films = false }) {
  const type = typeOf(blob);
  if (films && MAY_MOVE.test(type)) {
    const tooLarge = bytesError(blob, limits);
    if (tooLarge) throw new ImageError(`${name} ${tooLarge}`);
    const { readFilm } = await import("../film/film_file.js");
    const film = await readFilm(blob, { name, type });
    if (film) return film;
  }
  const url = URL.createObjectURL(blob);
  const size = await measure(url);
  const error = fileError(blob, { type, limits, films }) ?? (size ? sizeError(size, limits) : SHOWN[type] && "cannot be read. The file may be damaged.");
  if (error || !size) URL.revokeObjectURL(url);
  if (error) throw new ImageError(`${name} ${error}`);
  return { blob, name, url: size ? url : null, width: size?.width ?? null, height: size?.height ?? null };
}

function typeOf(blob) {
  const suffix = (blob.name ?? "").split(".").pop().toLowerCase();
  return blob.type || TYPES_BY_SUFFIX[suffix] || "";
}

function fileError({ size }, { type, limits, films }) {
  if (!(type in SHOWN)) {
    const photos = "JPEG, PNG, WebP, TIFF, AVIF or HEIC";
    return films ? `is not a supported photo or film. Use ${photos} for a photo, MP4, MOV, WebM or GIF for a film.`
      : `is not a supported picture. Use ${photos}.`;
  }
  return bytesError({ size }, limits);
}

function bytesError({ size }, limits) {
  if (size === 0) return "is empty.";
  return size > limits.max_file_bytes ? `is too large: ${byteSize(size)}. The limit is ${byteSize(limits.max_file_bytes)}.` : null;
}

/** Return the size of an image, or null if the browser cannot show it. */
export async function measure(url) {
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    return null;
  }
  return { width: image.naturalWidth, height: image.naturalHeight };
}

function sizeError({ width, height }, { min_side: min, max_side: max, max_pixels: pixels }) {
  const size = `${width} × ${height} pixels`;
  if (Math.min(width, height) < min) return `is too small: ${size}. Each side needs at least ${min}.`;
  if (Math.max(width, height) > max) return `is too large: ${size}. The limit is ${max} per side.`;
  return width * height > pixels ? `is too large: ${size}. The limit is ${pixels / 1e6} million pixels.` : null;
}

/** Free an image's memory. */
export function releaseImage(image) {
  for (const url of [image?.url, image?.film?.source]) if (url) URL.revokeObjectURL(url);
}
