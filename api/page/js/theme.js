// Light, dark, or as the system has it.

import { byId } from "./dom.js";
import { keep, recall } from "./storage.js";

const NEXT = { auto: "light", light: "dark", dark: "auto" };

/** Let the button go through the themes. */
export function showTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = byId("theme-button");
  let wanted = recall("theme") ?? "auto";

  function apply() {
    document.documentElement.dataset.theme = wanted === "auto" ? (system.matches ? "dark" : "light") : wanted;
    button.textContent = `Theme: ${wanted}`;
  }

  button.addEventListener("click", () => {
    wanted = NEXT[wanted] ?? "auto";
    keep("theme", wanted === "auto" ? null : wanted);
    apply();
  });
  system.addEventListener("change", apply);
  apply();
}
