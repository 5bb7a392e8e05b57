// Ways in for pictures: the file picker, drag and drop, paste.

import { byId, h } from "./dom.js";
import { ACCEPT } from "./picture.js";

/** Open the file picker; calls `onFiles` with what was chosen. */
export function pick({ multiple = false, onFiles }) {
  const input = h("input", { type: "file", accept: ACCEPT, multiple, hidden: true });
  input.addEventListener("change", () => { onFiles([...input.files]); input.remove(); });
  input.addEventListener("cancel", () => input.remove());
  document.body.append(input);
  input.click();
}

/** Take pictures dropped anywhere; calls `onFiles(files, role)` with the role of the zone, "photo" or "style". */
export function acceptDrops(onFiles) {
  const overlay = byId("drop");
  const zones = [...overlay.querySelectorAll(".drop-zone")];
  const mark = (zone) => zones.forEach((each) => each.classList.toggle("over", each === zone));
  const zoneOf = (event) => zones.find((zone) => zone === event.target) ?? zones[0];

  window.addEventListener("dragenter", (event) => { if (hasFiles(event)) overlay.hidden = false; });
  window.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    overlay.hidden = false;
    mark(zoneOf(event));
  });
  window.addEventListener("dragleave", (event) => { if (event.relatedTarget === null) overlay.hidden = true; });
  window.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    overlay.hidden = true;
    onFiles([...event.dataTransfer.files], zoneOf(event).dataset.role);
  });
}

/** Take pictures pasted anywhere but into a field. */
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
