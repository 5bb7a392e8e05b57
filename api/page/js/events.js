// Server-sent events over fetch, which can send a key; picks up after the last event that was seen.

import { Refusal, Unreachable } from "./client.js";

/** Read a stream of events piece by piece; calls `onEvent({ id, type, data })` for each whole one. */
export function makeParser(onEvent, onRetry = () => {}) {
  let rest = "";
  let event = { type: "message", data: [] };
  let id = "";

  function line(text) {
    if (text === "") return dispatch();
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(text);
    if (name === "data") event.data.push(value);
    if (name === "event") event.type = value;
    if (name === "id") id = value;
    if (name === "retry" && /^\d+$/.test(value)) onRetry(Number(value));
    return undefined;
  }

  function dispatch() {
    if (event.data.length) onEvent({ id, type: event.type, data: event.data.join("\n") });
    event = { type: "message", data: [] };
  }

  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    lines.forEach(line);
  };
}

/** Listen to a job until it has completed; survives a server that goes away and comes back. */
export async function listen({ client, connection, url, onEvent, signal }) {
  let last = null;
  let pause = 2000;
  let completed = false;

  while (!completed && !signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) };
      const response = await client.request(url, { headers, signal, cache: "no-store" });
      const push = makeParser(
        ({ id, type, data }) => {
          if (id) last = id;
          completed ||= type === "completed";
          onEvent({ type, data: JSON.parse(data) });
        },
        (milliseconds) => { pause = milliseconds; },
      );
      await drain(response.body, push);
      if (!completed) await rest(pause, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refusal && ![429, 503].includes(error.status)) throw error;
      if (error instanceof Unreachable) await connection.restored();
      else await rest((error.retryAfter ?? 1) * 1000, signal);
    }
  }
}

async function drain(body, push) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    push(value);
  }
}

function rest(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
