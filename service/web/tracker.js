// Where hand frames come from: the camera through the operator's hand tracker, or a recording. Neither leaves the page.

const TRACKER = "/web/tracker";

/** Frames of a recording: a list of frames as POST /hands/embed takes them, or an object with such a list. */
export function readRecording(text) {
  const read = JSON.parse(text);
  const frames = Array.isArray(read) ? read : read.frames;
  if (!Array.isArray(frames) || !frames.length) throw new Error("Expected a list of frames.");
  frames.forEach((frame, number) => {
    const seen = frame.landmarks === null || (frame.landmarks?.length === 21 && frame.landmarks.every((point) => point.length === 3));
    const told = Number.isFinite(frame.t) && frame.width > 0 && frame.height > 0 && ["left", "right"].includes(frame.handedness);
    if (!seen || !told) throw new Error(`Frame ${number} is no hand frame.`);
  });
  return frames;
}

/** Replays frames at the pace at which they were recorded. */
export class Replay {
  constructor(frames, onFrame, onEnd) {
    this.frames = frames;
    this.onFrame = onFrame;
    this.onEnd = onEnd;
  }

  start() {
    const began = performance.now();
    let next = 0;
    const step = () => {
      const timeS = this.frames[0].t + (performance.now() - began) / 1000;
      while (next < this.frames.length && this.frames[next].t <= timeS) {
        this.onFrame(this.frames[next]);
        next += 1;
      }
      if (next < this.frames.length) this.timer = requestAnimationFrame(step);
      else this.onEnd();
    };
    this.timer = requestAnimationFrame(step);
  }

  stop() {
    cancelAnimationFrame(this.timer);
  }
}

/** Follows one hand before the camera. */
export class Camera {
  constructor(handedness, onFrame) {
    this.handedness = handedness;
    this.onFrame = onFrame;
  }

  async start() {
    const { FilesetResolver, HandLandmarker } = await import(`${TRACKER}/vision_bundle.mjs`);
    const wasm = await FilesetResolver.forVisionTasks(`${TRACKER}/wasm`);
    this.landmarker = await HandLandmarker.createFromOptions(wasm, {
      baseOptions: { modelAssetPath: `${TRACKER}/hand_landmarker.task` },
      runningMode: "VIDEO",
      numHands: 1,
    });
    this.stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 }, audio: false });
    this.video = document.createElement("video");
    this.video.muted = true;
    this.video.srcObject = this.stream;
    await this.video.play();
    let lastTime = -1;
    const step = () => {
      if (!this.stream) return;
      if (this.video.currentTime !== lastTime) {
        lastTime = this.video.currentTime;
        this.#look();
      }
      this.timer = requestAnimationFrame(step);
    };
    step();
  }

  stop() {
    cancelAnimationFrame(this.timer);
    this.stream?.getTracks().forEach((track) => track.stop());
    this.landmarker?.close();
    this.stream = null;
  }

  #look() {
    const nowMs = performance.now();
    const found = this.landmarker.detectForVideo(this.video, nowMs);
    const points = found.landmarks[0];
    this.onFrame({
      t: nowMs / 1000,
      // The camera's own picture, never the flipped one of a preview.
      mirrored: false,
      handedness: this.handedness,
      width: this.video.videoWidth,
      height: this.video.videoHeight,
      landmarks: points ? points.map(({ x, y, z }) => [x, y, z]) : null,
      confidence: found.handedness?.[0]?.[0]?.score ?? (points ? 1 : 0),
    });
  }
}
