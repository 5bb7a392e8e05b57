// Turns errors into messages for visitors.

import { ApiError, NetworkError } from "../api/client.js";
import { sentence } from "../lib/format.js";
import { toast } from "../shell/toasts.js";
import { ImageError } from "./image_file.js";

/** Run `work` and show its error, if any, in a toast; returns whether it succeeded. */
export async function reportErrors(work) {
  try {
    await work();
    return true;
  } catch (error) {
    showError(error);
    return false;
  }
}

/** Show an error in a toast, unless the connection banner or the API key dialog shows it already. */
export function showError(error) {
  if (error.name === "AbortError" || error instanceof NetworkError || error.status === 401) return;
  toast(errorMessage(error));
}

/** Return the message for an error. */
export function errorMessage(error) {
  if (error instanceof NetworkError) return "The service is not responding. Your choices are kept. Try again when it is back.";
  if (error instanceof ImageError) return error.message;
  if (!(error instanceof ApiError)) {
    console.error(error);
    return "Something went wrong. Try again.";
  }
  const wait = error.retryAfter && error.status >= 429 ? ` Try again in ${error.retryAfter} s.` : "";
  return sentence(error.message) + wait;
}
