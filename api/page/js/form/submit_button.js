// The Paint button: checks the form, sends the job, and shows what is wrong.

import { ApiError } from "../api/client.js";
import { byId } from "../lib/dom.js";
import { errorMessage } from "../state/errors.js";

const CONTROL_IDS = { content: "choose-photo", style: "upload-style", style_name: "upload-style", init_job: "start-over" };

/** Let the form send jobs. */
export function mountSubmitButton(store) {
  const form = byId("job-form");
  const button = byId("submit");

  function clearErrors() {
    showFormError("");
    for (const row of form.querySelectorAll(".refused")) row.classList.remove("refused");
  }

  async function submit() {
    button.disabled = true;
    button.textContent = "Sending…";
    try {
      await store.submitJob({ timelapse: byId("timelapse").checked });
      byId("view").scrollIntoView({ block: "nearest" });
    } catch (error) {
      showFormError(errorMessage(error));
      if (error instanceof ApiError) markFields(form, error.fields);
    } finally {
      button.disabled = false;
      button.textContent = "Paint";
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.disabled) return undefined;
    clearErrors();
    const problem = findProblem(store, form);
    if (!problem) return submit();
    showFormError(problem.message);
    return focusField(byId(problem.id));
  });
  form.addEventListener("input", ({ target }) => {
    target.removeAttribute("aria-invalid");
    clearErrors();
  });
  store.photo.watch(() => clearErrors());
  store.chosenStyles.watch(() => clearErrors());
  watchWorkers(store);
}

function showFormError(message) {
  const element = byId("form-error");
  element.textContent = message;
  element.hidden = !message;
}

function findProblem(store, form) {
  if (!store.photo.get()) return { message: "Choose a photo or film first.", id: "choose-photo" };
  if (!store.chosenStyles.get().length) return { message: "Choose a style first.", id: "upload-style" };
  const field = form.querySelector('[aria-invalid="true"]') ?? form.querySelector('input[type="number"]:invalid');
  if (!field) return null;
  field.setAttribute("aria-invalid", "true");
  const range = field.min && field.max ? ` Enter a ${field.step ? "" : "whole "}number from ${field.min} to ${field.max}.` : "";
  return { message: `The marked number is not valid.${range}`, id: field.id };
}

/** Mark the fields that the service refused, and focus the first. */
function markFields(form, fields) {
  const elements = fields.map(({ pointer }) => findField(form, pointer)).filter(Boolean);
  for (const element of elements) {
    if (element.matches("input, select")) element.setAttribute("aria-invalid", "true");
    element.closest(".photo-row")?.classList.add("refused");
  }
  if (elements.length) focusField(elements[0]);
}

function findField(form, pointer) {
  const name = pointer.split("/")[1] ?? "";
  const find = (attribute, value) => form.querySelector(`[${attribute}="${CSS.escape(value)}"]`);
  return find("data-pointer", pointer) ?? find("data-field", name) ?? byId(CONTROL_IDS[name]);
}

function focusField(element) {
  for (let section = element.closest("details"); section; section = section.parentElement.closest("details")) section.open = true;
  element.focus();
}

function watchWorkers({ models }) {
  const note = byId("form-note");
  note.textContent = "No worker is running. Jobs wait until one starts.";
  models.watch((all) => { note.hidden = !all.length || all.some(({ available }) => available); });
}
