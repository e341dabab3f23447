// The cursor in the browser: outlier gate, turning-point hold and One Euro filter, as in model/hand_pose/cursor.py.

const SHORTEST_STEP_S = 1e-3;
const FIRST_STEP_S = 1;

const mix = (one, other, share) => one + (other - one) * share;
const distance = (one, other) => Math.hypot(one[0] - other[0], one[1] - other[1]);

function weight(cutoffHz, stepS) {
  return 1 / (1 + 1 / (2 * Math.PI * cutoffHz * stepS));
}

class OneEuro {
  constructor(settings) {
    this.settings = settings;
    this.value = null;
    this.speed = 0;
  }

  filtered(value, stepS) {
    if (this.value === null) {
      this.value = value;
      return value;
    }
    const rawSpeed = (value - this.value) / stepS;
    this.speed += weight(this.settings.derivative_cutoff_hz, stepS) * (rawSpeed - this.speed);
    const cutoffHz = this.settings.min_cutoff_hz + this.settings.speed_coefficient * Math.abs(this.speed);
    this.value += weight(cutoffHz, stepS) * (value - this.value);
    return this.value;
  }
}

class TurningPointHold {
  constructor(settings) {
    this.settings = settings;
    this.holding = false;
    this.before = null;
    this.velocity = [0, 0];
    this.wasFast = false;
    this.held = [0, 0];
    this.heldForS = 0;
    this.blended = null;
  }

  steadied(position, stepS) {
    if (this.before === null) {
      this.before = this.held = position;
      return position;
    }
    const turned = this.turns(position, stepS);
    this.before = position;
    if (turned && !this.holding && this.blended === null) {
      this.holding = true;
      this.heldForS = 0;
    } else if (this.holding) {
      this.heldForS += stepS;
      const away = distance(position, this.held) > this.settings.hold_distance;
      if (away || this.heldForS >= this.settings.hold_s) {
        this.holding = false;
        this.blended = 0;
      }
    }
    if (this.holding) return this.held;
    let shown = position;
    if (this.blended !== null) {
      this.blended += 1;
      const share = this.blended / this.settings.release_frames;
      shown = [mix(this.held[0], position[0], share), mix(this.held[1], position[1], share)];
      if (this.blended >= this.settings.release_frames) this.blended = null;
    }
    if (this.blended === null) this.held = shown;
    return shown;
  }

  turns(position, stepS) {
    const keep = 2 ** (-stepS / this.settings.velocity_half_life_s);
    const [vx, vy] = this.velocity;
    const velocity = [
      mix((position[0] - this.before[0]) / stepS, vx, keep),
      mix((position[1] - this.before[1]) / stepS, vy, keep),
    ];
    this.velocity = velocity;
    const speed = Math.hypot(...velocity);
    const slowed = this.wasFast && speed < this.settings.slow_per_s;
    if (slowed || speed > this.settings.fast_per_s) this.wasFast = !slowed;
    return slowed || velocity[0] * vx + velocity[1] * vy < 0;
  }
}

/** Follows one hand; a hand that returns begins anew. */
export class Cursor {
  constructor(settings) {
    this.settings = settings;
    this.raw = [0, 0];
    this.shown = [0, 0];
    this.restart();
  }

  /** Where the cursor is once the hand is at `place`. */
  follow(timeS, place, confidence = 1) {
    if (this.seenS !== null && timeS - this.seenS > this.settings.lost_after_s) this.restart();
    const first = this.seenS === null;
    const stepS = first ? FIRST_STEP_S : Math.max(timeS - this.seenS, SHORTEST_STEP_S);
    const jumped = !first && distance(place, this.raw) > this.settings.jump;
    const used = jumped && confidence < this.settings.low_confidence ? this.raw : place;
    this.seenS = timeS;
    this.raw = used;
    const steady = this.hold.steadied(used, stepS);
    this.shown = [this.axes[0].filtered(steady[0], stepS), this.axes[1].filtered(steady[1], stepS)];
    return { t: timeS, position: this.shown, raw: place, state: this.hold.holding ? "hold" : "moving" };
  }

  /** Where the cursor is while no hand is seen. */
  miss(timeS) {
    const gone = this.seenS === null || timeS - this.seenS > this.settings.lost_after_s;
    return { t: timeS, position: gone ? null : this.shown, raw: null, state: "lost" };
  }

  restart() {
    this.seenS = null;
    this.hold = new TurningPointHold(this.settings);
    this.axes = [new OneEuro(this.settings), new OneEuro(this.settings)];
  }
}
