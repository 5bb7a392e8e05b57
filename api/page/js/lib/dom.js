// Builds and finds elements.

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/** Build an element, as in h("button.quiet", { onclick }, "Close"); null and false attributes and children are skipped. */
export function h(selector, attributes = {}, ...children) {
  return filled(document.createElement(selector.split(".")[0]), selector, attributes, children);
}

/** Build an SVG element. */
export function svg(selector, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG_NAMESPACE, selector.split(".")[0]), selector, attributes, children);
}

/** Find an element by its id. */
export function byId(id) {
  return document.getElementById(id);
}

function filled(element, selector, attributes, children) {
  const classes = selector.split(".").slice(1);
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.includes("-") && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}
