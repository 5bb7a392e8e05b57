// The browser's storage, which may be forbidden or full; the page works without it.

/** Read a value kept in a storage ("localStorage" or "sessionStorage"), or null. */
export function recall(name, storage = "localStorage") {
  try {
    return window[storage].getItem(`nst.${name}`);
  } catch {
    return null;
  }
}

/** Keep a value; null forgets it. */
export function keep(name, value, storage = "localStorage") {
  try {
    if (value === null) window[storage].removeItem(`nst.${name}`);
    else window[storage].setItem(`nst.${name}`, value);
  } catch {
    // Kept for this visit only, in memory.
  }
}
