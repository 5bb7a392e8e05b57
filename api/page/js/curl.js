// A job as a command for the terminal.

/** Write the curl command that sends the same job. */
export function curlOf({ origin, params, styleNames, styleCount, options = {}, keyed }) {
  const fields = { ...params, ...options };
  const files = styleNames.length ? [] : Array.from({ length: styleCount }, (_, index) => `-F style=@style${styleCount > 1 ? index + 1 : ""}.png`);
  if (styleNames.length) fields.style_name = styleNames[0];
  return [
    `curl -sS ${quoted(`${origin}v1/jobs`)}`,
    keyed ? '-H "Authorization: Bearer $NST_KEY"' : null,
    "-F content=@photo.jpg",
    ...files,
    `-F ${quoted(`params=${JSON.stringify(fields)};type=application/json`)}`,
  ].filter(Boolean).join(" \\\n  ");
}

/** Quote a word for a POSIX shell. */
export function quoted(word) {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
