// Plays films: the one that was chosen, and a finished one together with its original.

import { byId, h } from "../lib/dom.js";

const MAX_DRIFT_SECONDS = 0.08;
const USUAL_RATIO = 1.5; // of width to height, for a video without a picture
const STYLES = "film-styles";

/** Load the style sheet of films. */
export function useFilmStyles() {
  if (!byId(STYLES)) document.head.append(h("link", { id: STYLES, rel: "stylesheet", href: "css/film.css" }));
}

/** Build a player. */
export function player(src, label) {
  return fittedVideo(src, label, { controls: true, loop: true });
}

/** Build a still of a film that is not played: the first frame, or the animation itself. */
export function filmStill(src) {
  useFilmStyles();
  return originalFilm(src, () => {});
}

/** Build a video as large as its picture, so that the controls are no wider and no lower. */
function fittedVideo(src, label, attributes) {
  const video = h("video", { src, "aria-label": label, playsInline: true, preload: "auto", ...attributes });
  video.addEventListener("loadedmetadata", () => {
    video.style.setProperty("--ratio", String(video.videoWidth / video.videoHeight || USUAL_RATIO));
  });
  return video;
}

/** Build the view of a finished film beside its original; both play together. */
export function filmResult({ urls, film, result }) {
  useFilmStyles();
  const isVideo = result.media_type.startsWith("video/");
  const painted = isVideo ? player(urls.result, "The painted film") : h("img", { src: urls.result, alt: "The painted film" });
  const original = originalFilm(urls.content, (video) => {
    if (isVideo) playTogether(painted, video, film.from ?? 0);
    else Object.assign(video, { controls: true, loop: true });
  });
  const element = h("div.films", {}, figure("Original", original), figure("Painted", painted));
  new ResizeObserver(() => element.classList.toggle("stacked", isLargerStacked(element, result))).observe(element);
  return element;
}

function figure(caption, content) {
  return h("figure", {}, content, h("figcaption", {}, caption));
}

/** Show the original as a video, else as an image; calls `onVideo` with the video. */
function originalFilm(src, onVideo) {
  const label = "The original film";
  const video = fittedVideo(src, label, { muted: true });
  const image = h("img", { alt: label });
  video.addEventListener("error", () => {
    image.src = src;
    video.replaceWith(image);
  }, { once: true });
  image.addEventListener("error", () => image.replaceWith(h("p", {}, "This browser cannot play the original.")), { once: true });
  onVideo(video);
  return video;
}

/** Let the second video do what the first does, `offset` seconds ahead. */
function playTogether(first, second, offset) {
  const align = () => {
    const time = first.currentTime + offset;
    if (Math.abs(second.currentTime - time) > MAX_DRIFT_SECONDS) second.currentTime = time;
  };
  const follow = () => {
    align();
    if (first.paused) second.pause();
    else second.play().catch(() => {}); // paused again meanwhile, or it cannot be played
  };
  second.addEventListener("loadedmetadata", follow, { once: true });
  // The next loop starts by seeking; the second video may have reached its end, where the browser pauses it.
  for (const type of ["play", "pause", "seeking"]) first.addEventListener(type, follow);
  first.addEventListener("timeupdate", align);
  first.addEventListener("ratechange", () => { second.playbackRate = first.playbackRate; });
}

function isLargerStacked({ clientWidth, clientHeight }, { width, height }) {
  const beside = Math.min(clientWidth / 2 / width, clientHeight / height);
  return Math.min(clientWidth / width, clientHeight / 2 / height) > beside;
}
