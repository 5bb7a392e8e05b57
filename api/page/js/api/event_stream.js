// Reads server-sent events with fetch, because EventSource cannot send the API key.

import { ApiError, NetworkError } from "./client.js";

const RETRY_MILLISECONDS = 2000; // until the server sends a `retry` field

/** Create a parser that takes text in pieces and calls `onEvent({ id, type, data })` for each complete event. */
export function createParser(onEvent, onRetry = () => {}) {
  let rest = "";
  let event = { type: "message", data: [] };
  let id = "";

  function parseLine(line) {
    if (line === "") return dispatch();
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
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
    lines.forEach(parseLine);
  };
}

/** Read a job's events until it completes; reconnects after interruptions and resumes after the last event received. */
export async function readEvents({ client, connection, url, onEvent, signal }) {
  let lastId = null;
  let retryMilliseconds = RETRY_MILLISECONDS;
  let completed = false;

  function receive({ id, type, data }) {
    if (id) lastId = id;
    completed ||= type === "completed";
    onEvent({ type, data: JSON.parse(data) });
  }

  while (!completed && !signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
      const response = await client.request(url, { headers, signal, cache: "no-store" });
      if (response.status === 204) return; // the last event was `completed`
      await readText(response.body, createParser(receive, (milliseconds) => { retryMilliseconds = milliseconds; }));
      if (!completed) await pause(retryMilliseconds, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && ![429, 503].includes(error.status)) throw error;
      if (error instanceof NetworkError) await connection.restored();
      else await pause((error.retryAfter ?? 1) * 1000, signal);
    }
  }
}

async function readText(body, onText) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    onText(value);
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
