// Building elements.

const SVG = "http://www.w3.org/2000/svg";

/** Build an element: h("button.quiet", { onclick }, "Close"); false and null attributes and children are left out. */
export function h(name, attributes = {}, ...children) {
  return filled(document.createElement(name.split(".")[0]), name, attributes, children);
}

/** Build an SVG element. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name.split(".")[0]), name, attributes, children);
}

/** Find an element by its id. */
export function byId(id) {
  return document.getElementById(id);
}

function filled(element, name, attributes, children) {
  const classes = name.split(".").slice(1);
  if (classes.length) element.classList.add(...classes);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && !key.includes("-") && typeof value !== "string") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}
