// The hand-pose model in the browser: the same steps as model/hand_pose/inference.py, in the same order, in float64.

const ROOTS = [1, 5, 9, 13, 17];
const BONES_PER_FINGER = 4;
const SHORTEST = 1e-6;
const BISECTIONS = 40;
const UP = [0, 1, 0];

const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const clip = (value) => Math.min(1, Math.max(0, value));

function unit(vector) {
  const norm = Math.hypot(...vector);
  return norm > SHORTEST ? vector.map((value) => value / norm) : null;
}

/** Landmarks of a tracker -> points of an unmirrored right hand, in image widths. */
export function rightHand({ landmarks, width, height, handedness, mirrored }) {
  const side = (handedness === "left") !== mirrored ? -1 : 1;
  return landmarks.map(([x, y, z]) => [side * x, (y * height) / width, z]);
}

/** 80 values, or null where the points span no hand. */
export function poseCode(points) {
  const up = unit(minus(points[9], points[0]));
  const normal = up && unit(cross(minus(points[5], points[17]), up));
  if (!normal) return null;
  const side = cross(up, normal);
  const code = [];
  let parent = UP;
  for (let bone = 1; bone <= 20; bone += 1) {
    const first = ROOTS.includes(bone);
    const along = unit(minus(points[bone], points[first ? 0 : bone - 1]));
    if (!along) return null;
    const direction = [dot(along, side), dot(along, up), dot(along, normal)];
    if (first) parent = UP;
    const turn = [1 + dot(parent, direction), ...cross(parent, direction)];
    const norm = Math.hypot(...turn);
    // The server's codes are of single precision.
    code.push(...(norm > SHORTEST ? turn.map((value) => Math.fround(value / norm)) : [0, 1, 0, 0]));
    parent = direction;
  }
  return code;
}

function floats(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

function perceive(values, layers) {
  layers.forEach(({ inner, outer, weight, bias }, number) => {
    const next = new Float64Array(outer);
    for (let row = 0; row < outer; row += 1) {
      let sum = bias[row];
      for (let column = 0; column < inner; column += 1) sum += weight[row * inner + column] * values[column];
      next[row] = number + 1 < layers.length ? Math.max(sum, 0) : sum;
    }
    values = next;
  });
  return values;
}

/** Where value lies among increasing knots, as a share of them all. */
function share(value, knots) {
  const last = knots.length - 1;
  if (value <= knots[0]) return 0;
  if (value >= knots[last]) return 1;
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (knots[middle] <= value) low = middle;
    else high = middle;
  }
  return (low + (value - knots[low]) / (knots[high] - knots[low])) / last;
}

function inverse(increasing, target) {
  let low = 0;
  let high = 1;
  for (let step = 0; step < BISECTIONS; step += 1) {
    const middle = (low + high) / 2;
    if (increasing(middle) < target) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** A downloaded model (GET /hands/model), ready to follow a hand. */
export class HandPose {
  constructor(document) {
    if (document.format !== 1) throw new Error(`expected a hand-pose model of format 1, got ${document.format}`);
    const layers = (packed) =>
      packed.map((layer) => ({ ...layer, weight: floats(layer.weight), bias: floats(layer.bias) }));
    this.release = document.release;
    this.cursorSettings = document.cursor;
    this.boneLengths = document.bone_lengths;
    this.layout = document.layout;
    this.encoder = layers(document.encoder);
    this.decoder = layers(document.decoder);
    this.mean = floats(document.code_mean);
    this.deviation = floats(document.code_deviation);
  }

  /** [x, y] on the map for points of a right hand; null where they span none. */
  place(points) {
    const code = poseCode(points);
    if (!code) return null;
    const standard = code.map((value, index) => (value - this.mean[index]) / this.deviation[index]);
    const [planeX, planeY] = perceive(standard, this.encoder);
    const { lowest, width } = this.layout;
    const x = this.#placeX(clip((planeX - lowest[0]) / width[0]));
    return [x, this.#placeY(x, clip((planeY - lowest[1]) / width[1]))];
  }

  /** 21 points of the hand that leads to a place of the map, in lengths of its palm. */
  guidance([placeX, placeY]) {
    const x = inverse((trial) => this.#placeX(trial), clip(placeX));
    const y = inverse((trial) => this.#placeY(clip(placeX), trial), clip(placeY));
    const { lowest, width } = this.layout;
    const plane = [x * width[0] + lowest[0], y * width[1] + lowest[1]];
    const decoded = perceive(plane, this.decoder);
    const code = Array.from(decoded, (value, index) => value * this.deviation[index] + this.mean[index]);
    return this.points(code);
  }

  /** 21 points of a code, wrist at 0, the palm along y. */
  points(code) {
    const points = Array.from({ length: 21 }, () => [0, 0, 0]);
    for (const root of ROOTS) {
      let direction = UP;
      let start = points[0];
      for (let bone = root; bone < root + BONES_PER_FINGER; bone += 1) {
        const quaternion = code.slice(4 * (bone - 1), 4 * bone);
        const norm = Math.max(Math.hypot(...quaternion), SHORTEST);
        const [w, ...axis] = quaternion.map((value) => value / norm);
        const once = cross(axis, direction);
        const twice = cross(axis, once);
        direction = direction.map((value, index) => value + 2 * (w * once[index] + twice[index]));
        const length = this.boneLengths[bone - 1];
        start = points[bone] = start.map((value, index) => value + direction[index] * length);
      }
    }
    return points;
  }

  #bend(even, scaled) {
    return this.layout.evenness * even + (1 - this.layout.evenness) * scaled;
  }

  #placeX(scaled) {
    return this.#bend(share(scaled, this.layout.x), scaled);
  }

  #placeY(x, scaled) {
    const columns = this.layout.y;
    const place = Math.min(Math.max(x * columns.length - 0.5, 0), columns.length - 1);
    const left = Math.min(Math.floor(place), columns.length - 2);
    const part = place - left;
    const even = (1 - part) * share(scaled, columns[left]) + part * share(scaled, columns[left + 1]);
    return this.#bend(even, scaled);
  }
}
