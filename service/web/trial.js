// Trial mode: bring the cursor to targets; the log has the fields of the simulated user's trials.

export const RADIUS = 0.05;
const DWELL_S = 0.5;
const LIMIT_S = 10;
const LEAST_DISTANCE = 0.3;
const MARGIN = 0.08;

export class Trial {
  /** onTarget(place or null): a target appears, or none is left. random: 0 to 1. */
  constructor(targets, onTarget, random = Math.random) {
    this.left = targets;
    this.onTarget = onTarget;
    this.random = random;
    this.log = [];
    this.target = null;
  }

  get finished() {
    return this.left === 0 && this.target === null;
  }

  /** The cursor is at `place` at `timeS`, moved by `source`. */
  move(place, timeS, source) {
    if (this.finished) return;
    if (this.target === null) {
      this.#next(place, timeS);
      return;
    }
    const distance = Math.hypot(place[0] - this.target[0], place[1] - this.target[1]);
    if (distance > RADIUS) this.insideSinceS = null;
    else this.insideSinceS ??= timeS;
    const selected = this.insideSinceS !== null && timeS - this.insideSinceS >= DWELL_S;
    if (selected || timeS - this.startedS >= LIMIT_S) this.#record(selected, distance, timeS, source);
  }

  #next(place, timeS) {
    const draw = () => MARGIN + (1 - 2 * MARGIN) * this.random();
    do this.target = [draw(), draw()];
    while (Math.hypot(this.target[0] - place[0], this.target[1] - place[1]) < LEAST_DISTANCE);
    this.startedS = timeS;
    this.insideSinceS = null;
    this.left -= 1;
    this.onTarget(this.target);
  }

  #record(selected, distance, timeS, source) {
    this.log.push({
      kind: "trial",
      condition: source,
      selected,
      time_s: Number((timeS - this.startedS).toFixed(3)),
      final_distance: Number(distance.toFixed(4)),
    });
    this.target = null;
    this.onTarget(null);
  }
}
