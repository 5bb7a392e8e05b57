// A picture that was chosen: its bytes, its name, and how to show it.

import { bytes } from "./words.js";

const READ = {
  "image/jpeg": true, "image/png": true, "image/webp": true, "image/avif": true,
  "image/tiff": false, "image/heic": false, "image/heif": false, // taken by the service, but browsers may not show them
};
const SUFFIXES = { heic: "image/heic", heif: "image/heic", tif: "image/tiff", tiff: "image/tiff" };

export const ACCEPT = [...Object.keys(READ), ".heic", ".heif", ".tif", ".tiff"].join(",");

/** Why a file cannot be used, in words for people. */
export class PictureProblem extends Error {}

/** Read a file or blob; raises PictureProblem for what the service would refuse anyway. */
export async function readPicture(blob, { name = blob.name || "Pasted picture", limits }) {
  const type = typeOf(blob);
  if (!(type in READ)) throw new PictureProblem(`${name} is not a picture. Use JPEG, PNG, WebP, TIFF, AVIF or HEIC.`);
  if (blob.size === 0) throw new PictureProblem(`${name} is empty.`);
  if (blob.size > limits.max_file_bytes) {
    throw new PictureProblem(`${name} has ${bytes(blob.size)}; a picture may have ${bytes(limits.max_file_bytes)}.`);
  }
  const url = URL.createObjectURL(blob);
  const size = await measured(url);
  if (size === null) URL.revokeObjectURL(url);
  if (size === null && READ[type]) {
    throw new PictureProblem(`${name} cannot be read as a picture. The file may be damaged.`);
  }
  if (size) checkSize(name, size, limits);
  return { blob, name, url: size ? url : null, width: size?.width ?? null, height: size?.height ?? null };
}

function typeOf(blob) {
  const suffix = (blob.name ?? "").split(".").pop().toLowerCase();
  return blob.type || SUFFIXES[suffix] || "";
}

async function measured(url) {
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    return null;
  }
  return { width: image.naturalWidth, height: image.naturalHeight };
}

function checkSize(name, { width, height }, limits) {
  const said = `${name} has ${width} × ${height} pixels`;
  if (Math.min(width, height) < limits.min_side) {
    throw new PictureProblem(`${said}; each side needs at least ${limits.min_side}.`);
  }
  if (Math.max(width, height) > limits.max_side) {
    throw new PictureProblem(`${said}; a side may have ${limits.max_side}.`);
  }
  if (width * height > limits.max_pixels) {
    throw new PictureProblem(`${said}; that is more than ${limits.max_pixels / 1e6} million.`);
  }
}

/** Let go of a picture's memory. */
export function release(picture) {
  if (picture?.url) URL.revokeObjectURL(picture.url);
}
