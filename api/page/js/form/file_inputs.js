// Receives image files: from the file picker, by drag and drop, and from the clipboard.

import { byId, h } from "../lib/dom.js";
import { ACCEPT } from "../state/image_file.js";

/** Open the file picker and call `onFiles` with the chosen files. */
export function pickFiles({ multiple = false, onFiles }) {
  const input = h("input", { type: "file", accept: ACCEPT, multiple, hidden: true });
  input.addEventListener("change", () => { onFiles([...input.files]); input.remove(); });
  input.addEventListener("cancel", () => input.remove());
  document.body.append(input);
  input.click();
}

/** Accept files dropped anywhere; calls `onFiles(files, role)` with the role of the drop zone, "photo" or "style". */
export function acceptDrops(onFiles) {
  const overlay = byId("drop-overlay");
  const zones = [...overlay.querySelectorAll(".drop-zone")];
  const zoneOf = (event) => zones.find((zone) => zone === event.target) ?? zones[0];

  window.addEventListener("dragenter", (event) => { if (hasFiles(event)) overlay.hidden = false; });
  window.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    overlay.hidden = false;
    for (const zone of zones) zone.classList.toggle("active", zone === zoneOf(event));
  });
  window.addEventListener("dragleave", (event) => { if (event.relatedTarget === null) overlay.hidden = true; });
  window.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    overlay.hidden = true;
    onFiles([...event.dataTransfer.files], zoneOf(event).dataset.role);
  });
}

/** Accept files pasted anywhere. */
export function acceptPastes(onFiles) {
  window.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    onFiles(files);
  });
}

function hasFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}
