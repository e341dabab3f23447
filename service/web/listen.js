// The page that asks for lists: a listener or a history, instructions, and where the answer comes from.

import { ask, askUntilReady } from "./api.js";
import { find, make, showProblem, tileOf } from "./element.js";
import { Instructions } from "./instructions.js";

const SOURCES = {
  model: "the model",
  cold_start: "popular items: no usable history",
  fallback: "popular items: the model could not answer",
};

const titles = new Map();
const idOf = new Map();
const plays = [];
let instructions = null;

const stored = () => find("input[name=who]:checked").value === "stored";
const user = () => find("#user").value.trim();
const titleOf = (id) => titles.get(id) || id;

function showPlays() {
  find("#plays").replaceChildren(
    ...plays
      .map((play, place) => ({ play, place }))
      .reverse()
      .map(({ play, place }) =>
        make(
          "li",
          {},
          make("span", { title: play.item_id }, titleOf(play.item_id)),
          stored()
            ? null
            : make(
                "button",
                { type: "button", class: "plain", "aria-label": `Remove ${titleOf(play.item_id)}`, onclick: () => remove(place) },
                "remove",
              ),
        ),
      ),
  );
  const empty = stored() ? "This listener has no stored history." : "No history yet.";
  find("#told").textContent = plays.length ? `${plays.length} in the history, newest first` : empty;
}

function remove(place) {
  plays.splice(place, 1);
  showPlays();
}

function played(itemId, timeS = Math.floor(Date.now() / 1000)) {
  plays.push({ item_id: itemId, event_time_s: timeS });
}

async function load() {
  plays.length = 0;
  if (!user()) {
    showPlays();
    find("#told").textContent = "Name a listener first.";
    return;
  }
  try {
    const { body } = await ask(`/users/${encodeURIComponent(user())}/history`);
    plays.push(...body.events);
    showPlays();
  } catch (problem) {
    showPlays();
    find("#told").textContent = problem.message;
  }
}

async function store(itemId) {
  const event = {
    event_id: crypto.randomUUID(),
    user_id: user(),
    item_id: itemId,
    event_time_s: Math.floor(Date.now() / 1000),
    type: "play",
  };
  await ask("/events", { method: "POST", body: { events: [event] } });
  await load();
}

async function put(itemId) {
  try {
    if (stored()) {
      if (!user()) throw new Error("Name a listener first.");
      await store(itemId);
    } else {
      played(itemId);
      showPlays();
    }
  } catch (problem) {
    find("#told").textContent = problem.message;
  }
}

function asked() {
  const body = { k: Number(find("#k").value), mode: find("input[name=mode]:checked").value };
  if (stored()) body.user_id = user();
  else body.history = plays;
  const wanted = instructions ? instructions.asked(find("#apart").checked) : [];
  if (wanted.length) body.instructions = wanted;
  if (wanted.length > 1) body.group_by_instruction = true;
  return body;
}

function card(item) {
  const title = item.title || item.item_id;
  const values = Object.values(item.attributes).flat().slice(0, 4).join(", ");
  titles.set(item.item_id, title);
  return make(
    "li",
    { class: "item" },
    tileOf(item.item_id, title),
    make(
      "div",
      {},
      make("h3", {}, title),
      values ? make("small", {}, values) : null,
      make("p", { class: "reason" }, item.reason),
      item.satisfies_instruction ? null : make("p", { class: "reason" }, "does not satisfy the instruction (guided)"),
      make("button", { type: "button", class: "plain", "aria-label": `Played ${title}`, onclick: () => put(item.item_id) }, "+ history"),
    ),
  );
}

function showLists(answer) {
  const groups = answer.groups || [{ instruction_name: null, items: answer.items }];
  find("#lists").replaceChildren(
    ...groups.map((group) => {
      const list = group.items.length
        ? make("ol", { class: "items" }, ...group.items.map(card))
        : make("p", { class: "empty" }, "Nothing in the catalogue satisfies this and is still unheard.");
      const title = group.instruction_name ? make("h3", {}, group.instruction_name) : null;
      return make("div", { class: "group" }, title, list);
    }),
  );
}

function fact(name, value, marked = null) {
  const shown = marked === null ? value : make("span", { class: marked ? "badge marked" : "badge" }, value);
  return make("div", {}, make("dt", {}, name), make("dd", {}, shown));
}

function showProvenance(answer, ms, stages) {
  find("#provenance").hidden = false;
  const facts = [
    fact("answered by", SOURCES[answer.source] || answer.source, answer.source !== "model"),
    fact("release", make("code", {}, answer.release)),
    answer.arm ? fact("arm", answer.arm) : null,
    fact("mode", answer.mode),
    fact("latency", `${ms.toFixed(0)} ms here, ${answer.took_ms.toFixed(1)} ms in the service`),
    fact("history", `${answer.history_events_used} events used (${answer.history_source})`),
    answer.eligible.length ? fact("eligible items", answer.eligible.join(" + ")) : null,
    answer.simulated === "nothing" ? null : fact("simulated", answer.simulated),
    fact("request", make("code", {}, answer.request_id)),
  ];
  find("#facts").replaceChildren(...facts.filter(Boolean));
  const longest = Math.max(...Object.values(stages), 1e-9);
  find("#stages").replaceChildren(
    ...Object.entries(stages).map(([stage, spentMs]) => {
      const bar = make("i");
      bar.style.width = `${(100 * spentMs) / longest}%`;
      return make("div", { class: "bar" }, make("span", {}, stage), make("span", {}, bar), make("span", {}, `${spentMs.toFixed(2)} ms`));
    }),
  );
  const notes = answer.warnings.map((warning) => warning.message);
  if (answer.ignored_items_total) notes.push(`${answer.ignored_items_total} items of the history are not in this release`);
  find("#warnings").replaceChildren(...notes.map((note) => make("p", { class: "note" }, note)));
}

async function recommend(event) {
  event.preventDefault();
  if (stored() && !user()) {
    find("#told").textContent = "Name a listener first.";
    find("#user").focus();
    return;
  }
  const button = find("#question .main");
  button.disabled = true;
  try {
    const { body, ms, stages } = await ask("/recommend", { method: "POST", body: asked() });
    showProvenance(body, ms, stages);
    showLists(body);
  } catch (problem) {
    find("#provenance").hidden = true;
    showProblem(find("#lists"), problem);
  } finally {
    button.disabled = false;
  }
}

async function learnItems() {
  const { body } = await askUntilReady("/artwork/map?space=items", (problem) => {
    find("#told").textContent = problem.message;
  });
  for (const item of body.items) {
    const title = item.title || item.item_id;
    titles.set(item.item_id, title);
    if (!idOf.has(title)) idOf.set(title, item.item_id);
  }
  find("#titles").replaceChildren(...[...idOf.keys()].map((title) => make("option", { value: title })));
  showPlays();
}

async function learnInstructions() {
  const { body } = await askUntilReady("/attributes?limit=12", () => {});
  instructions = new Instructions(body.attributes);
  find("#attributes").replaceChildren(instructions.element);
}

async function tellRelease() {
  const { body } = await askUntilReady("/health/ready", (problem) => {
    find("#standing").textContent = problem.message;
  });
  find("#standing").textContent = body.release
    ? `release ${body.release}, ${body.items.toLocaleString("en")} items`
    : "this service knows covers and recommends nothing";
}

function surprise() {
  const ids = [...titles.keys()];
  const nowS = Math.floor(Date.now() / 1000);
  plays.length = 0;
  for (let age = Math.min(5, ids.length); age > 0; age -= 1) {
    played(ids[Math.floor(Math.random() * ids.length)], nowS - 600 * age);
  }
  showPlays();
}

function switchWho() {
  find("#stored").hidden = !stored();
  find("#surprise").hidden = stored();
  find("#clear").hidden = stored();
  plays.length = 0;
  if (stored()) load();
  else showPlays();
}

function add() {
  const text = find("#item").value.trim();
  if (!text) return;
  put(idOf.get(text) || text);
  find("#item").value = "";
}

find("#question").addEventListener("submit", recommend);
find("#load").addEventListener("click", load);
find("#put").addEventListener("click", add);
find("#surprise").addEventListener("click", surprise);
find("#clear").addEventListener("click", () => {
  plays.length = 0;
  showPlays();
});
for (const choice of document.querySelectorAll("input[name=who]")) choice.addEventListener("change", switchWho);
find("#item").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  add();
});
find("#user").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  load();
});

for (const itemId of JSON.parse(sessionStorage.getItem("history") || "[]")) played(itemId);
sessionStorage.removeItem("history");
showPlays();
tellRelease().catch((problem) => {
  find("#standing").textContent = `${problem.title}: ${problem.message}`;
});
learnItems().catch((problem) => {
  find("#told").textContent = problem.message;
});
learnInstructions().catch((problem) => showProblem(find("#attributes"), problem));
