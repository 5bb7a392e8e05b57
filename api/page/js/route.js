// The address of the page names the job that is open, so that leaving and coming back finds it.

/** Return the id of the job in the address, or null. */
export function jobInAddress() {
  return /^#job=([\w-]+)$/.exec(location.hash)?.[1] ?? null;
}

/** Put a job into the address; null takes it out. */
export function setAddress(id) {
  if (id === jobInAddress()) return;
  history.pushState(null, "", id ? `#job=${id}` : location.pathname + location.search);
}

/** Call back when the visitor goes to another address, by history or by link. */
export function onAddress(change) {
  window.addEventListener("popstate", () => change(jobInAddress()));
}
