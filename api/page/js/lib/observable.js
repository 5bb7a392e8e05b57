// A value that views can watch.

/** Hold a value; watchers are called with the current value (unless `immediate` is false) and with each new one. */
export function observable(value) {
  const watchers = new Set();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const watcher of [...watchers]) watcher(value);
    },
    /** Add a watcher; returns a function that removes it. */
    watch(watcher, { immediate = true } = {}) {
      watchers.add(watcher);
      if (immediate) watcher(value);
      return () => watchers.delete(watcher);
    },
  };
}
