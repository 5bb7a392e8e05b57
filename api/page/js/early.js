// Choose light or dark before anything is painted; a classic script, so that it runs first.
(() => {
  let wanted = null;
  try { wanted = localStorage.getItem("nst.theme"); } catch { /* storage may be forbidden */ }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = wanted ?? (dark ? "dark" : "light");
})();
