// The map as it is drawn: every item a tile, regions by name, and what lies nearest to a place.

import { hue, initials } from "./element.js";

const LARGEST_TILE = 0.05;

export class MapView {
  /** canvas: square. */
  constructor(canvas) {
    this.map = null;
    this.canvas = canvas;
    this.chosen = null;
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** map: as GET /artwork/map answers. */
  show(map) {
    this.map = map;
    this.chosen = null;
    this.draw();
  }

  /** The items nearest to a place, nearest first, with their distances. */
  nearest([x, y], count) {
    return this.map.items
      .map((item) => ({ item, distance: Math.hypot(item.x - x, item.y - y) }))
      .sort((one, other) => one.distance - other.distance)
      .slice(0, count);
  }

  choose(item) {
    if (item === this.chosen) return;
    this.chosen = item;
    this.draw();
  }

  draw() {
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (!side || !this.map) return;
    this.canvas.width = side;
    this.canvas.height = side;
    const pen = this.canvas.getContext("2d");
    const style = getComputedStyle(this.canvas);
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const size = Math.max(3, Math.min(0.8 / Math.sqrt(this.map.items.length || 1), LARGEST_TILE) * side);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (const item of this.map.items) this.#tile(pen, item, side, size, dark);
    this.#regions(pen, side, style);
    if (this.chosen) this.#ring(pen, side, Math.max(size, 0.03 * side), style);
  }

  #tile(pen, item, side, size, dark) {
    // By region, so that areas show; a little lighter or darker by item, so that neighbours stand apart.
    const lightness = (dark ? 38 : 56) + (hue(item.item_id) % 12);
    const region = this.map.regions[item.cluster].name || `region ${item.cluster}`;
    pen.fillStyle = `hsl(${hue(region)} 34% ${lightness}%)`;
    pen.beginPath();
    pen.roundRect(item.x * side - size / 2, item.y * side - size / 2, size, size, size / 6);
    pen.fill();
    if (size < 22 * devicePixelRatio) return;
    pen.fillStyle = "#fff";
    pen.font = `600 ${size / 2.6}px system-ui, sans-serif`;
    pen.fillText(initials(item.title || item.item_id), item.x * side, item.y * side);
  }

  #regions(pen, side, style) {
    pen.font = `650 ${Math.max(10, side / 42)}px system-ui, sans-serif`;
    pen.lineJoin = "round";
    pen.lineWidth = side / 160;
    pen.strokeStyle = style.getPropertyValue("--card");
    pen.fillStyle = style.getPropertyValue("--text");
    for (const region of this.map.regions) {
      pen.strokeText(region.name, region.x * side, region.y * side, side / 5.2);
      pen.fillText(region.name, region.x * side, region.y * side, side / 5.2);
    }
  }

  #ring(pen, side, size, style) {
    const { x, y } = this.chosen;
    pen.strokeStyle = style.getPropertyValue("--accent");
    pen.lineWidth = side / 200;
    pen.strokeRect(x * side - size / 2, y * side - size / 2, size, size);
  }
}
