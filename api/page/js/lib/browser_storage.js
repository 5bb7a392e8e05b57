// Reads and writes browser storage. The browser may forbid it or it may be full; the page works without it.

/** Return a stored value, or null; `storage` is "localStorage" or "sessionStorage". */
export function readItem(name, storage = "localStorage") {
  try {
    return window[storage].getItem(`nst.${name}`);
  } catch {
    return null;
  }
}

/** Store a value; null removes it. */
export function writeItem(name, value, storage = "localStorage") {
  try {
    if (value === null) window[storage].removeItem(`nst.${name}`);
    else window[storage].setItem(`nst.${name}`, value);
  } catch {
    // The value lasts only as long as the page is open.
  }
}
