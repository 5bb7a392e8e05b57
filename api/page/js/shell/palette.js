// Takes the page's colors from the chosen style: five for the palette, and of these one for the accent color.

const SIDE = 40;
const COLORS = 5; // as many as --palette-1 and so on in css/tokens.css
const ROUNDS = 8;

/** Keep the palette to the first of the chosen styles. */
export function mountPalette(store) {
  let shown = null;
  store.chosenStyles.watch(([style]) => {
    if (!style?.thumbnail || style.thumbnail === shown) return;
    shown = style.thumbnail;
    applyPalette(shown).catch(() => {}); // the page keeps its colors
  });
}

/** Set the palette and the accent color from an image. */
export async function applyPalette(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const colors = dominantColors(imagePixels(image));
  const accent = colors.reduce((best, color) => (prominence(color) > prominence(best) ? color : best));
  const { style } = document.documentElement;
  colors.forEach(({ rgb }, index) => style.setProperty(`--palette-${index + 1}`, cssColor(rgb)));
  style.setProperty("--accent-source", cssColor(accent.rgb));
}

/** Find the dominant colors among [red, green, blue] pixels by k-means; returns { rgb, share }, dark to light. */
export function dominantColors(pixels) {
  const sorted = pixels.toSorted((one, other) => luma(one) - luma(other));
  let centers = Array.from({ length: COLORS }, (_, index) => sorted[Math.floor(((index + 0.5) / COLORS) * sorted.length)]);
  let clusters = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    clusters = centers.map(() => []);
    for (const pixel of pixels) clusters[nearest(centers, pixel)].push(pixel);
    centers = centers.map((center, index) => (clusters[index].length ? mean(clusters[index]) : center));
  }
  return centers
    .map((rgb, index) => ({ rgb, share: clusters[index].length / pixels.length }))
    .sort((one, other) => luma(one.rgb) - luma(other.rgb));
}

function imagePixels(image) {
  const context = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, SIDE, SIDE);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  return Array.from({ length: SIDE * SIDE }, (_, index) => [...data.subarray(4 * index, 4 * index + 3)]);
}

// Colorful and frequent.
function prominence({ rgb, share }) {
  return (Math.max(...rgb) - Math.min(...rgb)) * Math.sqrt(share);
}

function luma([red, green, blue]) {
  return 0.3 * red + 0.59 * green + 0.11 * blue;
}

function nearest(centers, pixel) {
  const distances = centers.map((center) => center.reduce((sum, value, index) => sum + (value - pixel[index]) ** 2, 0));
  return distances.indexOf(Math.min(...distances));
}

function mean(pixels) {
  return [0, 1, 2].map((channel) => pixels.reduce((sum, pixel) => sum + pixel[channel], 0) / pixels.length);
}

function cssColor(rgb) {
  return `rgb(${rgb.map(Math.round).join(" ")})`;
}
