// The button that switches between the system's theme, light and dark. css/tokens.css has the colors of both.

import { writeItem } from "../lib/browser_storage.js";
import { byId } from "../lib/dom.js";

const NEXT_THEME = { auto: "light", light: "dark", dark: "auto" };

/** Let the button switch themes; theme_boot.js has applied the saved one. */
export function mountThemeButton() {
  const { dataset } = document.documentElement;
  const button = byId("theme-button");
  const show = () => { button.textContent = `Theme: ${dataset.theme ?? "auto"}`; };
  button.addEventListener("click", () => {
    const theme = NEXT_THEME[dataset.theme ?? "auto"];
    if (theme === "auto") delete dataset.theme;
    else dataset.theme = theme;
    writeItem("theme", dataset.theme ?? null);
    show();
  });
  show();
}
