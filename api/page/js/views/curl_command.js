// Writes a job as a curl command.

/** Write the command that creates a job with these parameters; `files` are the numbers of files, by their part. */
export function curlCommand({ origin, content, params, files, withKey }) {
  return [
    `curl -sS ${shellQuoted(`${origin}v1/jobs`)}`,
    withKey && '-H "Authorization: Bearer $NST_KEY"',
    `-F content=@${content}`,
    ...Object.entries(files).flatMap(([part, count]) => fileFields(part, count)),
    `-F ${shellQuoted(`params=${JSON.stringify(params)};type=application/json`)}`,
  ].filter(Boolean).join(" \\\n  ");
}

function fileFields(part, count) {
  return Array.from({ length: count }, (_, index) => `-F ${part}=@${part}${count > 1 ? index + 1 : ""}.png`);
}

/** Quote text for a POSIX shell. */
export function shellQuoted(text) {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
