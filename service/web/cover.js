// What the service knows of one cover, shown when it is selected.

import { ask } from "./api.js";
import { find, make, showProblem } from "./element.js";

let shown = null;

/** The tile of a cover: its picture, before the one that stands for it where the service keeps none. */
export function withPicture(tile, coverId) {
  const source = `/artwork/${encodeURIComponent(coverId)}/thumbnail`;
  tile.append(make("img", { src: source, alt: "", loading: "lazy", onerror: (event) => event.target.remove() }));
  return tile;
}

function facts(cover) {
  const said = [
    ["artist", cover.artist],
    ...Object.entries(cover.attributes).map(([name, values]) => [name.replaceAll("_", " "), values.join(", ")]),
    ["written on it", cover.read_text.join(" / ")],
    ["covers with this picture", String(cover.same_picture)],
    ["release", cover.release],
  ];
  const known = said.filter(([, value]) => value);
  return make("dl", { class: "facts" }, ...known.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

/** Ask for a cover and show it, unless another has been selected meanwhile. */
export async function showCover(coverId) {
  shown = coverId;
  const place = find("#cover");
  try {
    const { body } = await ask(`/artwork/${encodeURIComponent(coverId)}`);
    if (shown === coverId) place.replaceChildren(make("h3", {}, body.title || body.artwork_id), facts(body));
  } catch (problem) {
    if (shown === coverId) showProblem(place, problem);
  }
  place.hidden = shown === null;
}

export function hideCover() {
  shown = null;
  find("#cover").replaceChildren();
  find("#cover").hidden = true;
}
