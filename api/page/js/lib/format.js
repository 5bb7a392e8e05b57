// Formats numbers, sizes and times for people.

export const STATUS_LABELS = {
  queued: "Waiting",
  running: "Painting",
  succeeded: "Finished",
  failed: "Failed",
  canceled: "Canceled",
};

const PERCENT = new Intl.NumberFormat("en", { style: "percent" });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const KILOBYTES = new Intl.NumberFormat("en", { style: "unit", unit: "kilobyte", maximumFractionDigits: 0 });
const MEGABYTES = new Intl.NumberFormat("en", { style: "unit", unit: "megabyte", maximumFractionDigits: 1 });
const RELATIVE = new Intl.RelativeTimeFormat("en", { style: "short" });
const DAY = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const ORDINAL = new Intl.PluralRules("en", { type: "ordinal" });
const NAMES = {
  color_match: "match colors", draw_every: "steps until new samples", final_pass: "final pass at full size", init: "start from",
  init_std: "initial noise", lbfgs_coarse: "L-BFGS coarseness", matching_every: "steps until a new match", max_size: "longest side", preserve_color: "colors",
  size_by: "side that counts as the size", style_turns: "turned styles", style_upscale: "enlarge small styles",
};
const WORDS = {
  adam: "Adam", beta1: "beta 1", beta2: "beta 2", caffe: "Caffe", chw: "C × H × W", gaussian: "Gaussian", gram: "Gram", hw: "H × W", l1: "L1", l2: "L2",
  laplacian: "Laplacian", lbfgs: "L-BFGS", mean255: "RGB minus mean, 0 to 255", min: "minimum", normalised: "normalized", remd: "REMD",
  rgb: "RGB", rmsprop: "RMSprop", std: "standard deviation", tf32: "TF32", tv: "TV", wasserstein: "Wasserstein",
  wolfe: "Wolfe",
};
const ORDINAL_SUFFIXES = { one: "st", two: "nd", few: "rd", other: "th" };

/** Format a fraction: 0.45 becomes 45%. */
export function percent(fraction) {
  return PERCENT.format(fraction);
}

/** Format a number with three significant digits: 0.00123, 1.23M. */
export function shortNumber(number) {
  return SHORT.format(number);
}

/** Format a number of bytes: 383 kB, 1.2 MB. */
export function byteSize(bytes) {
  return bytes < 1e6 ? KILOBYTES.format(bytes / 1e3) : MEGABYTES.format(bytes / 1e6);
}

/** Format seconds: 8 s, 2 min 5 s, 1 h 10 min. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return whole % 60 && whole < 600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.round(whole / 60)} min`;
  return `${Math.floor(whole / 3600)} h ${Math.round((whole % 3600) / 60)} min`;
}

/** Format how long ago a moment was, or its day if that was yesterday or earlier. */
export function timeAgo(moment, now = Date.now()) {
  const seconds = (now - Date.parse(moment)) / 1000;
  if (seconds < 60) return "just now";
  if (seconds < 3600) return RELATIVE.format(-Math.floor(seconds / 60), "minute");
  if (seconds < 86400) return RELATIVE.format(-Math.floor(seconds / 3600), "hour");
  return DAY.format(Date.parse(moment));
}

/** Format a position in the queue: "next in line", "2nd in line". */
export function queuePosition(position) {
  return position === 1 ? "next in line" : `${position}${ORDINAL_SUFFIXES[ORDINAL.select(position)]} in line`;
}

/** Turn a parameter's name or value into words: style_scale becomes "style scale", tv_weight "TV weight". */
export function words(name) {
  return NAMES[name] ?? name.split("_").map((word) => WORDS[word] ?? word).join(" ");
}

/** Turn a parameter's name or value into a label: style_scale becomes "Style scale", tv_weight "TV weight". */
export function label(name) {
  return capitalized(words(name));
}

/** Begin a text with a capital letter. */
export function capitalized(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** Turn a text into a sentence: with a capital letter and a full stop. */
export function sentence(text) {
  return capitalized(text) + (/[.!?]$/.test(text) ? "" : ".");
}
