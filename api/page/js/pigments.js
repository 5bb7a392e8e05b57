// The colours of a painting: a few pigments for the palette, and one hue for the page's accent.

const SIDE = 40;
const COUNT = 5;
const ROUNDS = 8;
const MOST_CHROMA = 0.1; // beyond it, screens cannot show every hue at the accent's lightness

/** Paint the palette, and the page's accent, in the colours of a picture. */
export async function usePigments(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const pigments = pigmentsOf(pixelsOf(image));
  const root = document.documentElement;
  const accent = pigments.reduce((best, one) => (one.chroma * one.share ** 0.5 > best.chroma * best.share ** 0.5 ? one : best));
  root.style.setProperty("--hue", accent.hue.toFixed(1));
  root.style.setProperty("--chroma", Math.min(accent.chroma, MOST_CHROMA).toFixed(3));
  const colours = pigments.map(({ colour }) => `rgb(${colour.map(Math.round).join(" ")})`);
  for (const strip of document.querySelectorAll(".pigments")) fillPigments(strip, colours);
  return colours;
}

/** Put colours side by side. */
export function fillPigments(strip, colours) {
  while (strip.children.length < colours.length) strip.append(document.createElement("span"));
  colours.forEach((colour, index) => { strip.children[index].style.backgroundColor = colour; });
}

function pixelsOf(image) {
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, SIDE, SIDE);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  return Array.from({ length: SIDE * SIDE }, (_, index) => [...data.subarray(4 * index, 4 * index + 3)]);
}

/** Find the pigments of pixels by k-means, dark to light. */
export function pigmentsOf(pixels) {
  const sorted = [...pixels].sort((one, other) => brightness(one) - brightness(other));
  let centres = Array.from({ length: COUNT }, (_, index) => sorted[Math.floor(((index + 0.5) / COUNT) * sorted.length)]);
  let groups = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    groups = centres.map(() => []);
    for (const pixel of pixels) groups[nearest(centres, pixel)].push(pixel);
    centres = centres.map((centre, index) => (groups[index].length ? mean(groups[index]) : centre));
  }
  return centres
    .map((colour, index) => ({ colour, share: groups[index].length / pixels.length, ...hueOf(colour) }))
    .sort((one, other) => brightness(one.colour) - brightness(other.colour));
}

function brightness([red, green, blue]) {
  return 0.3 * red + 0.59 * green + 0.11 * blue;
}

function nearest(centres, pixel) {
  const distances = centres.map((centre) => centre.reduce((sum, value, index) => sum + (value - pixel[index]) ** 2, 0));
  return distances.indexOf(Math.min(...distances));
}

function mean(pixels) {
  return [0, 1, 2].map((channel) => pixels.reduce((sum, pixel) => sum + pixel[channel], 0) / pixels.length);
}

/** Return hue and chroma in OKLCH (Ottosson 2020). */
export function hueOf(colour) {
  const [r, g, b] = colour.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  const green = 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s;
  const blue = 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s;
  return { hue: ((Math.atan2(blue, green) * 180) / Math.PI + 360) % 360, chroma: Math.hypot(green, blue) };
}
