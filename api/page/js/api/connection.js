// Tracks whether the service responds. While it does not, the connection retries at growing intervals.

import { observable } from "../lib/observable.js";

const RETRY_SECONDS = [1, 1, 2, 3, 5, 8];

/** Create a connection; `state` is { online, seconds }, with the seconds until the next retry. */
export function createConnection() {
  const state = observable({ online: true, seconds: 0 });
  let retries = 0;
  let timer = null;

  function reportSuccess() {
    clearTimeout(timer);
    timer = null;
    retries = 0;
    if (!state.get().online) state.set({ online: true, seconds: 0 });
  }

  function reportFailure() {
    if (timer === null) countDown(RETRY_SECONDS[Math.min(retries, RETRY_SECONDS.length - 1)]);
  }

  function countDown(seconds) {
    state.set({ online: false, seconds });
    timer = setTimeout(seconds > 1 ? () => countDown(seconds - 1) : retry, 1000);
  }

  async function retry() {
    clearTimeout(timer);
    retries += 1;
    const response = await fetch("healthz", { cache: "no-store" }).catch(() => null);
    if (response?.ok) return reportSuccess();
    timer = null;
    return reportFailure();
  }

  /** Resolve once the service responds. */
  function restored() {
    if (state.get().online) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = state.watch(({ online }) => {
        if (!online) return;
        stop();
        resolve();
      }, { immediate: false });
    });
  }

  return { state, reportSuccess, reportFailure, retry, restored };
}
