// Writes a job as a curl command.

/** Write the command that creates a job with these parameters and this number of style files. */
export function curlCommand({ origin, content, params, styleFiles, withKey }) {
  const fileNames = Array.from({ length: styleFiles }, (_, index) => `style${styleFiles > 1 ? index + 1 : ""}.png`);
  return [
    `curl -sS ${shellQuoted(`${origin}v1/jobs`)}`,
    withKey && '-H "Authorization: Bearer $NST_KEY"',
    `-F content=@${content}`,
    ...fileNames.map((name) => `-F style=@${name}`),
    `-F ${shellQuoted(`params=${JSON.stringify(params)};type=application/json`)}`,
  ].filter(Boolean).join(" \\\n  ");
}

/** Quote text for a POSIX shell. */
export function shellQuoted(text) {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
