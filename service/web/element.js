// Small ways to make and find elements of a page.

export const find = (selector) => document.querySelector(selector);

/** An element with attributes and children; texts become text, never markup. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** The hue of a tile that stands for an item without a picture; the same for the same id. */
export function hue(id) {
  let hash = 7;
  for (const character of id) hash = (hash * 31 + character.codePointAt(0)) % 3600;
  return hash / 10;
}

/** What stands for an item without a picture. */
export function tileOf(id, title) {
  const tile = make("div", { class: "tile", "aria-hidden": "true" }, initials(title));
  tile.style.setProperty("--hue", hue(id));
  return tile;
}

export function initials(title) {
  const words = title.split(/[\s\-_.]+/u).filter(Boolean);
  return words
    .slice(0, 2)
    .map((word) => [...word][0])
    .join("")
    .toUpperCase();
}

/** Show a problem where the result would be. */
export function showProblem(place, problem) {
  const title = problem.title || "Something went wrong";
  place.replaceChildren(
    make("div", { class: "problem", role: "alert" }, make("strong", {}, title), make("p", {}, problem.message)),
  );
}
