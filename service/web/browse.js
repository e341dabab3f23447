// The page that lays covers or items out in a plane: moved over by mouse, keyboard or hand.

import { ask, askUntilReady } from "./api.js";
import { consent } from "./consent.js";
import { hideCover, showCover, withPicture } from "./cover.js";
import { Cursor } from "./cursor.js";
import { find, make, showProblem, tileOf } from "./element.js";
import { Guidance, inPalm } from "./guidance.js";
import { HandPose, rightHand } from "./hand_pose.js";
import { MapView } from "./map_view.js";
import { Camera, Replay, readRecording } from "./tracker.js";
import { Trial } from "./trial.js";

const SHOWN_NEAR = 6;
const STEP = 0.02;
const LARGE_STEP = 0.1;
const DWELL_S = 0.6;
const STILL = 0.03;
const TARGETS = 10;
const SPACES = {
  item_vectors: {
    asked: "items",
    said: "Near on the map is near in taste: items lie by the recommender's vectors.",
  },
  cover_embeddings: {
    asked: "covers",
    said: "Near on the map are covers that look alike. A tile with letters stands for a cover without a kept picture.",
  },
};

const state = { place: [0.5, 0.5], source: "mouse", selected: [], trial: null, own: null, still: null };
const view = new MapView(find("#items"));
let pose = null;
let cursor = null;
let running = null;
const guidance = new Guidance(find("#guidance"));

const nowS = () => performance.now() / 1000;
const clip = (value) => Math.min(1, Math.max(0, value));
const titleOf = (item) => item.title || item.item_id;
const showsCovers = () => view.map.space === "cover_embeddings";

function moveTo(place, source, shown = "moving") {
  state.place = place.map(clip);
  state.source = source;
  const element = find("#cursor");
  element.style.left = `${100 * state.place[0]}%`;
  element.style.top = `${100 * state.place[1]}%`;
  element.dataset.state = shown;
  state.trial?.move(state.place, nowS(), source);
  if (view.map) showAround();
  showGuidance();
}

function showAround() {
  const around = view.nearest(state.place, SHOWN_NEAR);
  const nearest = around[0].item;
  if (nearest === view.chosen) return;
  view.choose(nearest);
  const region = view.map.regions[nearest.cluster]?.name;
  const said = [nearest.artist, region && `among ${region}`].filter(Boolean).join(", ");
  find("#under").replaceChildren(
    shown(nearest),
    make("div", {}, make("h3", {}, titleOf(nearest)), make("small", {}, said)),
  );
  find("#near").replaceChildren(
    ...around.map(({ item, distance }) =>
      make(
        "li",
        {},
        shown(item),
        make("span", {}, titleOf(item)),
        make("small", {}, distance.toFixed(3)),
        make("button", { type: "button", class: "plain", "aria-label": `Select ${titleOf(item)}`, onclick: () => select(item) }, "select"),
      ),
    ),
  );
}

function shown(item) {
  const tile = tileOf(item.item_id, titleOf(item));
  return showsCovers() ? withPicture(tile, item.item_id) : tile;
}

function select(item) {
  if (!item) return;
  if (showsCovers()) showCover(item.item_id);
  if (state.selected.includes(item)) return;
  state.selected.push(item);
  showSelected();
}

function showSelected() {
  find("#selected").replaceChildren(
    ...state.selected.map((item) =>
      make(
        "li",
        {},
        make("span", {}, titleOf(item)),
        make("button", { type: "button", class: "plain", "aria-label": `Remove ${titleOf(item)}`, onclick: () => unselect(item) }, "remove"),
      ),
    ),
  );
  find("#selected-empty").hidden = state.selected.length > 0;
  find("#use").disabled = state.selected.length === 0;
}

function unselect(item) {
  state.selected = state.selected.filter((one) => one !== item);
  hideCover();
  showSelected();
}

function useSelected() {
  sessionStorage.setItem("history", JSON.stringify(state.selected.map((item) => item.item_id)));
  location.assign("/");
}

function showGuidance() {
  if (!pose || find("#hand-on").hidden) return;
  const target = state.trial?.target || state.place;
  guidance.draw(pose.guidance(target), state.own);
}

/** A hand that keeps still selects what lies under it, once. */
function dwell() {
  const { still, place } = state;
  if (!still || Math.hypot(place[0] - still.place[0], place[1] - still.place[1]) > STILL) {
    state.still = { place, sinceS: nowS(), done: false };
  } else if (!still.done && nowS() - still.sinceS >= DWELL_S) {
    still.done = true;
    if (!state.trial) select(view.chosen);
  }
}

function handFrame(frame) {
  const points = frame.landmarks && rightHand(frame);
  const place = points && pose.place(points);
  const point = place ? cursor.follow(frame.t, place, frame.confidence ?? 1) : cursor.miss(frame.t);
  state.own = place ? inPalm(points) : null;
  find("#hand-state").textContent = point.state === "lost" ? "no hand seen" : `hand seen, ${point.state}`;
  if (point.position) moveTo(point.position, "hand", point.state);
  else find("#cursor").dataset.state = "lost";
  if (place) dwell();
}

function stopHand(said = "") {
  running?.stop();
  running = null;
  state.own = null;
  state.still = null;
  find("#camera-on").hidden = true;
  find("#stop").hidden = true;
  find("#hand-state").textContent = said;
  find("#cursor").dataset.state = "moving";
  showGuidance();
}

function startHand(source) {
  stopHand();
  cursor = new Cursor(pose.cursorSettings);
  running = source;
  find("#stop").hidden = false;
}

async function useCamera() {
  const camera = new Camera(find("#handedness").value, handFrame);
  startHand(camera);
  find("#hand-state").textContent = "starting the camera";
  try {
    await camera.start();
    find("#camera-on").hidden = running !== camera;
    if (running !== camera) camera.stop();
  } catch (error) {
    camera.stop();
    stopHand(`The camera cannot be used: ${error.message}`);
  }
}

async function useRecording() {
  const file = find("#recording").files[0];
  if (!file) return;
  try {
    const frames = readRecording(await file.text());
    startHand(new Replay(frames, handFrame, () => stopHand("The recording is over.")));
    running.start();
  } catch (error) {
    stopHand(`The recording cannot be read: ${error.message}`);
  }
}

function consentChanged() {
  if (find("#consent").checked) consent.give();
  else {
    consent.withdraw();
    stopHand("Hand control is off.");
  }
  showConsent();
}

function showConsent() {
  find("#consent").checked = consent.given();
  find("#camera").disabled = !consent.given() || !pose?.camera;
  find("#recording").disabled = !consent.given();
}

function startTrial() {
  const mark = find("#target");
  state.trial = new Trial(TARGETS, (target) => {
    mark.hidden = target === null;
    if (target) [mark.style.left, mark.style.top] = target.map((value) => `${100 * value}%`);
    find("#guided-to").textContent = target ? "the target" : "the place under the cursor";
    showTrial();
  });
  find("#trial").textContent = "Start again";
  find("#map").scrollIntoView({ block: "nearest" });
  showTrial();
  moveTo(state.place, state.source);
}

function showTrial() {
  const { trial } = state;
  if (!trial) return;
  const { log } = trial;
  find("#save").hidden = !log.length;
  find("#trial-state").textContent = trial.finished
    ? `Done: ${log.filter((one) => one.selected).length} of ${log.length} selected.`
    : `Target ${log.length + 1} of ${TARGETS}`;
  const row = (cells, tag) => make("tr", {}, ...cells.map((cell) => make(tag, {}, String(cell))));
  const rows = log.map((one, number) => row([number + 1, one.condition, one.selected ? "yes" : "no", one.time_s.toFixed(2), one.final_distance.toFixed(3)], "td"));
  const head = row(["target", "moved by", "selected", "time, s", "distance"], "th");
  find("#trial-table").replaceChildren(...(log.length ? [make("table", {}, head, ...rows)] : []));
}

function saveLog() {
  const text = state.trial.log.map((one) => `${JSON.stringify(one)}\n`).join("");
  const address = URL.createObjectURL(new Blob([text], { type: "application/x-ndjson" }));
  make("a", { href: address, download: "trials.jsonl" }).click();
  URL.revokeObjectURL(address);
}

function pointed(event) {
  const box = find("#map").getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function pressed(event) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (event.key === "Enter") select(view.chosen);
  else if (event.key in moves) {
    const step = event.shiftKey ? LARGE_STEP : STEP;
    moveTo(state.place.map((value, axis) => value + step * moves[event.key][axis]), "keyboard");
  } else return;
  event.preventDefault();
}

function showSpaces({ space, spaces }) {
  const { asked, said } = SPACES[space];
  find("#space").textContent = said;
  find("#asked-space").replaceChildren(...spaces.map((one) => make("option", { value: one, selected: one === asked }, one)));
  find("#spaces").hidden = spaces.length < 2;
  // A cover is no item that a history could hold.
  find("#use").hidden = asked !== "items";
}

async function loadMap(asked = null) {
  const { body } = await askUntilReady(asked ? `/artwork/map?space=${asked}` : "/artwork/map", (problem) => {
    find("#standing").textContent = problem.message;
  });
  view.show(body);
  state.selected = [];
  hideCover();
  showSelected();
  showSpaces(body);
  find("#standing").textContent = `${body.items.length.toLocaleString("en")} of ${body.total_items.toLocaleString("en")} ${SPACES[body.space].asked} of release ${body.release}, layout ${body.layout}`;
  moveTo(state.place, state.source);
}

function mapFailed(problem) {
  find("#standing").textContent = "no map";
  showProblem(find("#under"), problem);
}

async function loadHands() {
  try {
    const { body } = await ask("/hands/model");
    pose = new HandPose(body);
    pose.camera = body.camera;
  } catch (problem) {
    find("#hand-off").hidden = false;
    find("#hand-off").textContent = `Hand control is off here: ${problem.message}`;
    return;
  }
  find("#hand-on").hidden = false;
  find("#camera-note").textContent = pose.camera ? "" : "The operator of this service offers no camera.";
  showConsent();
  showGuidance();
}

find("#map").addEventListener("pointermove", (event) => {
  if (!running) moveTo(pointed(event), "mouse");
});
find("#map").addEventListener("click", (event) => {
  if (!running) moveTo(pointed(event), "mouse");
  select(view.chosen);
});
find("#map").addEventListener("keydown", pressed);
find("#use").addEventListener("click", useSelected);
find("#trial").addEventListener("click", startTrial);
find("#save").addEventListener("click", saveLog);
find("#camera").addEventListener("click", useCamera);
find("#recording").addEventListener("change", useRecording);
find("#stop").addEventListener("click", () => stopHand("Stopped."));
find("#consent").addEventListener("change", consentChanged);
// A still mouse or key moves nothing, but time goes on for whoever stays on a target.
setInterval(() => state.trial?.move(state.place, nowS(), state.source), 50);

find("#asked-space").addEventListener("change", async ({ target }) => {
  target.disabled = true;
  await loadMap(target.value).catch(mapFailed);
  target.disabled = false;
});
loadMap().catch(mapFailed);
loadHands();
