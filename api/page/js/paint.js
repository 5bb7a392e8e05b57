// The button that begins it all, and what keeps it from doing so.

import { Refusal, Unreachable } from "./client.js";
import { byId } from "./dom.js";

const ALIASES = { content: "choose-photo", style: "choose-style", style_name: "choose-style" };

/** Let the form send jobs. */
export function showPaint(studio) {
  const form = byId("recipe");
  const button = byId("paint");
  const problem = byId("recipe-problem");

  const complain = (words) => {
    problem.textContent = words;
    problem.hidden = !words;
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    clearMarks(form);
    complain("");
    const missing = whatIsMissing(studio, form);
    if (missing) {
      complain(missing.words);
      return byId(missing.id)?.focus();
    }
    button.disabled = true;
    button.textContent = "Sending…";
    try {
      await studio.paint({ timelapse: byId("timelapse").checked });
      byId("stage").scrollIntoView({ block: "nearest" });
    } catch (error) {
      complain(wordsOf(error));
      if (error instanceof Refusal) mark(form, error.fields);
    } finally {
      button.disabled = false;
      button.textContent = "Paint";
    }
  });

  form.addEventListener("input", () => complain(""));
  studio.photo.watch(() => complain(""));
  studio.chosenStyles.watch(() => complain(""));
  watchWorkers(studio);
}

function whatIsMissing(studio, form) {
  if (!studio.photo.get()) return { words: "Choose a photo first.", id: "choose-photo" };
  if (!studio.chosenStyles.get().length) return { words: "Choose a painting first.", id: "choose-style" };
  const wrong = form.querySelector('[aria-invalid="true"]') ?? form.querySelector('input[type="number"]:invalid');
  if (!wrong) return null;
  wrong.setAttribute("aria-invalid", "true");
  const range = wrong.min && wrong.max ? `: from ${wrong.min} to ${wrong.max}` : "";
  return { words: `One of the numbers cannot be used${range}.`, id: wrong.id };
}

function clearMarks(form) {
  for (const field of form.querySelectorAll('#look [aria-invalid="true"]')) field.removeAttribute("aria-invalid");
}

function mark(form, fields) {
  const names = fields.map(({ pointer }) => pointer.split("/")[1]);
  const elements = names.map((name) => form.querySelector(`[data-field="${CSS.escape(name ?? "")}"]`) ?? byId(ALIASES[name]));
  elements.filter(Boolean).forEach((element) => {
    if (element.matches("input, select")) element.setAttribute("aria-invalid", "true");
    element.addEventListener("input", () => element.removeAttribute("aria-invalid"), { once: true });
  });
  const first = elements.find(Boolean);
  if (first?.closest("details")) first.closest("details").open = true;
  first?.focus();
}

function wordsOf(error) {
  if (error instanceof Unreachable) return "The service does not answer. What you chose is kept; paint again when it is back.";
  if (!(error instanceof Refusal)) {
    console.error(error);
    return "That did not work. Try it again.";
  }
  const wait = error.retryAfter && error.status >= 429 ? ` Try again in ${error.retryAfter} s.` : "";
  return sentence(error.message) + wait;
}

function sentence(words) {
  return words[0].toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");
}

function watchWorkers(studio) {
  const note = byId("recipe-note");
  studio.models.watch((models) => {
    note.hidden = !models.length || models.some(({ available }) => available);
    note.textContent = "No worker is running. What you send waits until one is.";
  });
}
