// The guidance window: the hand that leads to a place, the person's own, and the finger that differs most.

const FINGERS = [1, 5, 9, 13, 17];
const SCALE = 0.27;
const WRIST_Y = 0.88;

/** Points turned into the frame of their own palm, in lengths of it, as the decoder's hand is. */
export function inPalm(points) {
  const minus = (a, b) => a.map((value, axis) => value - b[axis]);
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const length = (a) => Math.hypot(...a);
  const scaled = (a, by) => a.map((value) => value / (by || 1));
  const palm = minus(points[9], points[0]);
  const size = length(palm);
  const up = scaled(palm, size);
  const across = cross(minus(points[5], points[17]), up);
  const normal = scaled(across, length(across));
  const side = cross(up, normal);
  const along = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  return points.map((point) => {
    const from = minus(point, points[0]);
    return [along(from, side) / size, along(from, up) / size, along(from, normal) / size];
  });
}

/** The finger whose tip is farthest from where it should be: {tip, distance}. */
export function worstFinger(own, wanted) {
  return FINGERS.map((root) => root + 3)
    .map((tip) => ({ tip, distance: Math.hypot(...own[tip].map((value, axis) => value - wanted[tip][axis])) }))
    .reduce((worst, one) => (one.distance > worst.distance ? one : worst));
}

export class Guidance {
  constructor(canvas) {
    this.canvas = canvas;
  }

  /** wanted: the decoder's points; own: the person's in the palm's frame, or null. Returns the finger to move, or null. */
  draw(wanted, own) {
    const pen = this.canvas.getContext("2d");
    const { width, height } = this.canvas;
    const style = getComputedStyle(this.canvas);
    const accent = style.getPropertyValue("--accent");
    const text = style.getPropertyValue("--text");
    const bad = style.getPropertyValue("--bad");
    const at = ([x, y, z]) => [width * 0.5 + (x + 0.25 * z) * SCALE * height, height * WRIST_Y - (y + 0.12 * z) * SCALE * height * 1.35];
    pen.clearRect(0, 0, width, height);
    pen.lineCap = "round";
    pen.lineJoin = "round";
    this.#hand(pen, wanted.map(at), { colour: accent, thick: 26, alpha: 0.55 });
    if (!own) return null;
    this.#hand(pen, own.map(at), { colour: text, thick: 4, alpha: 1 });
    const { tip, distance } = worstFinger(own, wanted);
    if (distance < 0.25) return null;
    this.#arrow(pen, at(own[tip]), at(wanted[tip]), bad);
    return tip;
  }

  #hand(pen, points, { colour, thick, alpha }) {
    pen.globalAlpha = alpha;
    pen.strokeStyle = colour;
    pen.lineWidth = thick;
    pen.beginPath();
    for (const root of FINGERS) {
      pen.moveTo(...points[0]);
      for (let joint = root; joint < root + 4; joint += 1) pen.lineTo(...points[joint]);
    }
    pen.moveTo(...points[5]);
    for (const root of [9, 13, 17]) pen.lineTo(...points[root]);
    pen.stroke();
    pen.globalAlpha = 1;
  }

  #arrow(pen, [fromX, fromY], [toX, toY], colour) {
    const angle = Math.atan2(toY - fromY, toX - fromX);
    pen.strokeStyle = colour;
    pen.lineWidth = 6;
    pen.beginPath();
    pen.moveTo(fromX, fromY);
    pen.lineTo(toX, toY);
    for (const side of [-1, 1]) {
      pen.moveTo(toX, toY);
      pen.lineTo(toX - 22 * Math.cos(angle + side * 0.45), toY - 22 * Math.sin(angle + side * 0.45));
    }
    pen.stroke();
  }
}
