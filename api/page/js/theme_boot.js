// Applies the saved theme before the first paint. A classic script, because modules run too late for that.
try {
  const theme = localStorage.getItem("nst.theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // The browser forbids storage: the page follows the system's theme.
}
