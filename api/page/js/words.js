// Numbers and times in words.

export const STATUS = {
  queued: "Waiting",
  running: "Painting",
  succeeded: "Finished",
  failed: "Failed",
  canceled: "Canceled",
};

/** Write seconds as a person would: 8 s, 2 min 5 s, 1 h 10 min. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return whole % 60 && whole < 600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.round(whole / 60)} min`;
  return `${Math.floor(whole / 3600)} h ${Math.round((whole % 3600) / 60)} min`;
}

/** Write how long ago a moment was. */
export function ago(moment, now = Date.now()) {
  const seconds = (now - Date.parse(moment)) / 1000;
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(moment).toLocaleDateString(undefined, { day: "numeric", month: "short" });
}

/** Write a place in a line: 1 is next, 2 is 2nd. */
export function place(position) {
  if (position === 1) return "next in line";
  const tens = position % 100;
  const ending = tens > 10 && tens < 14 ? "th" : (["th", "st", "nd", "rd"][position % 10] ?? "th");
  return `${position}${ending} in line`;
}

/** Write a count of bytes. */
export function bytes(count) {
  return count < 1e6 ? `${Math.round(count / 1e3)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

/** Write a number with few digits. */
export function few(number) {
  if (number === 0) return "0";
  const size = Math.abs(number);
  return size < 1e-3 || size >= 1e5 ? number.toExponential(1) : String(Number(number.toPrecision(3)));
}

/** Turn style_scale into Style scale. */
export function title(name) {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}
