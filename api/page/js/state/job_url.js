// Keeps the id of the open job in the page's URL, so that reloading the page or sharing the URL opens the job again.

/** Return the id of the job in the URL, or null. */
export function jobIdInUrl() {
  return /^#job=([\w-]+)$/.exec(location.hash)?.[1] ?? null;
}

/** Put a job's id into the URL; null removes it. */
export function putJobIdInUrl(id) {
  if (id === jobIdInUrl()) return;
  history.pushState(null, "", id ? `#job=${id}` : location.pathname + location.search);
}

/** Call `onChange(id)` when the visitor goes back or forward, or follows a link to a job. */
export function watchUrl(onChange) {
  window.addEventListener("popstate", () => onChange(jobIdInUrl()));
}

/** Make links within the page scroll without replacing the job in the URL. */
export function keepUrlOnJumps() {
  document.addEventListener("click", (event) => {
    const id = event.target.closest('a[href^="#"]')?.getAttribute("href").slice(1);
    const target = id && document.getElementById(id);
    if (!target) return;
    event.preventDefault();
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  });
}
