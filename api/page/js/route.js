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

/** Let links within the page lead there without changing the address. */
export function keepAddress() {
  document.addEventListener("click", (event) => {
    const place = event.target.closest('a[href^="#"]')?.getAttribute("href").slice(1);
    const target = place && document.getElementById(place);
    if (!target) return;
    event.preventDefault();
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  });
}

/** Call back when the visitor goes to another address, by history or by link. */
export function onAddress(change) {
  window.addEventListener("popstate", () => change(jobInAddress()));
}
