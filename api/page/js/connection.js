// Whether the service can be reached; while it cannot, it is asked again and again, ever less often.

import { observable } from "./observable.js";

const PAUSES = [1, 1, 2, 3, 5, 8];

/** Make a connection; `state` is { online, seconds } with the seconds until the next try. */
export function makeConnection(probe = () => fetch("healthz", { cache: "no-store" })) {
  const state = observable({ online: true, seconds: 0 });
  let tries = 0;
  let timer = null;

  function found() {
    clearTimeout(timer);
    timer = null;
    tries = 0;
    if (!state.get().online) state.set({ online: true, seconds: 0 });
  }

  function lost() {
    if (timer === null) countDown(PAUSES[Math.min(tries, PAUSES.length - 1)]);
  }

  function countDown(seconds) {
    state.set({ online: false, seconds });
    timer = setTimeout(seconds > 1 ? () => countDown(seconds - 1) : ask, 1000);
  }

  async function ask() {
    clearTimeout(timer);
    tries += 1;
    try {
      const response = await probe();
      if (response.ok) return found();
    } catch {
      // Still away.
    }
    timer = null;
    return lost();
  }

  function restored() {
    return new Promise((resolve) => {
      const stop = state.watch(({ online }) => {
        if (!online) return;
        resolve();
        queueMicrotask(() => stop());
      });
    });
  }

  return { state, found, lost, ask, restored };
}
