// Facts about a job, from its JSON.

const FINAL_STATUSES = new Set(["succeeded", "failed", "canceled"]);

/** Return whether a job has ended. */
export function hasEnded(job) {
  return FINAL_STATUSES.has(job.status);
}

/** Return the URL of a job's latest preview, or null. */
export function previewUrl({ urls, progress }) {
  return urls.preview && versioned(urls.preview, progress?.iteration ?? 0);
}

/** Add a version to a URL whose picture changes, so that the browser does not show an old one from its cache. */
export function versioned(url, version) {
  return withQuery(url, "v", version);
}

/** Add a query parameter to a URL, which may be signed and so have a query already. */
export function withQuery(url, name, value) {
  return `${url}${url.includes("?") ? "&" : "?"}${name}=${value}`;
}

/** Whether all styles of a job are built in. In a mix of both kinds, the job does not say which of its styles are. */
export function hasOnlyBuiltIn({ style_names, urls }) {
  return style_names.length > 0 && new Set(style_names).size >= urls.style.length;
}
