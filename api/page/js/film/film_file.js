// Reads a film that a visitor chose: a video, a GIF, or an animated WebP or PNG.

import { h } from "../lib/dom.js";
import { measure } from "../state/image_file.js";
import { createFilmOptions, filmControls } from "./film_controls.js";
import { player, useFilmStyles } from "./film_player.js";

const HEAD_BYTES = 65536; // a PNG may have a color profile before it says that it is animated
const READ_MILLISECONDS = 8000; // some browsers read no video before the visitor plays it

/** Read a film, as `readImage` does; returns null for a still picture. */
export async function readFilm(blob, { name, type }) {
  if (type.startsWith("video/")) return readVideo(blob, name);
  if (type !== "image/gif" && !(await isAnimated(blob))) return null;
  const url = URL.createObjectURL(blob);
  const size = await measure(url);
  if (!size) URL.revokeObjectURL(url);
  return film({ blob, name, url: size && url, ...size });
}

async function isAnimated(blob) {
  const bytes = new Uint8Array(await blob.slice(0, HEAD_BYTES).arrayBuffer());
  const text = new TextDecoder("latin1").decode(bytes);
  if (text.slice(8, 16) === "WEBPVP8X") return Boolean(bytes[20] & 2);
  return text.includes("acTL") && text.indexOf("acTL") < text.indexOf("IDAT");
}

async function readVideo(blob, name) {
  const source = URL.createObjectURL(blob);
  const video = h("video", { muted: true, playsInline: true, preload: "auto" });
  const hasPicture = await new Promise((resolve) => {
    video.onloadeddata = () => resolve(video.videoWidth > 0); // there may be sound only
    video.onerror = () => resolve(false);
    setTimeout(resolve, READ_MILLISECONDS, false);
    video.src = source;
  });
  if (!hasPicture) URL.revokeObjectURL(source);
  if (!hasPicture) return film({ blob, name });
  const { videoWidth: width, videoHeight: height, duration } = video;
  return film({ blob, name, url: await firstFrame(video, width, height), source, width, height, seconds: duration });
}

async function firstFrame(video, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").drawImage(video, 0, 0);
  return URL.createObjectURL(await canvas.convertToBlob({ type: "image/jpeg" }));
}

// `url` is a picture of the film, `source` the film for a player.
function film({ blob, name, url = null, source = null, width = null, height = null, seconds = null }) {
  const options = createFilmOptions();
  let video = null;
  useFilmStyles();
  return {
    blob, name, url, width, height,
    film: {
      source,
      length: Number.isFinite(seconds) ? `${seconds.toFixed(1)} s` : "",
      load: options.load,
      toJson: options.toJson,
      controls: (params) => filmControls(params, options),
      player() {
        video ??= player(source, `Your film: ${name}`);
        return video;
      },
    },
  };
}
