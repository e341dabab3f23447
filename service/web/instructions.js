// Instructions as a person makes them: values that are wanted or ruled out, attribute by attribute.

import { make } from "./element.js";

const NEXT = { "": "any", any: "none", none: "" };
const SPOKEN = { "": "", any: "wanted", none: "ruled out" };

export class Instructions {
  /** attributes: as GET /attributes lists them. */
  constructor(attributes) {
    this.clauses = new Map();
    const groups = attributes
      .filter((attribute) => attribute.values.length)
      .map((attribute) =>
        make(
          "fieldset",
          {},
          make("legend", {}, attribute.name, attribute.instructable ? "" : " (search alone)"),
          make("div", { class: "chips" }, ...attribute.values.map((value) => this.#chip(attribute.name, value))),
        ),
      );
    this.element = groups.length
      ? make("div", { class: "column" }, ...groups)
      : make("p", { class: "empty" }, "The items of this release have no attributes.");
  }

  /** The `instructions` of a request; apart: one for every wanted value instead of one for all. */
  asked(apart) {
    const chosen = [...this.clauses.values()].filter((one) => one.clause);
    const none = chosen.filter((one) => one.clause === "none");
    const any = chosen.filter((one) => one.clause === "any");
    if (!chosen.length) return [];
    if (apart && any.length > 1) return any.map((one) => ({ name: one.value, where: this.#where([one, ...none]) }));
    return [{ name: chosen.map((one) => (one.clause === "none" ? `not ${one.value}` : one.value)).join(", ").slice(0, 100), where: this.#where(chosen) }];
  }

  #where(chosen) {
    const where = {};
    for (const { attribute, value, clause } of chosen) {
      where[attribute] ??= {};
      (where[attribute][clause] ??= []).push(value);
    }
    return where;
  }

  #chip(attribute, { value, items }) {
    const choice = { attribute, value, clause: "" };
    this.clauses.set(`${attribute}\n${value}`, choice);
    const chip = make("button", { type: "button", class: "chip" }, value, make("small", {}, String(items)));
    const show = () => {
      chip.dataset.clause = choice.clause;
      chip.setAttribute("aria-pressed", choice.clause ? "true" : "false");
      chip.setAttribute("aria-label", [`${attribute} ${value}`, SPOKEN[choice.clause]].filter(Boolean).join(", "));
    };
    chip.addEventListener("click", () => {
      choice.clause = NEXT[choice.clause];
      show();
    });
    show();
    return chip;
  }
}
