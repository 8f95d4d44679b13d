// Recalls, as events say them in their member `ft:recall` (docs/formats.md): the newest event of one counts.

import { StatementError } from "../errors.js";

export const MEMBER = "ft:recall";

/** How far a recall is, how it ended, and what a consumer must know, from the mildest. */
export const State = Object.freeze({ HOLD: "hold", ISSUED: "issued", CLOSED: "closed" });
export const Outcome = Object.freeze({ SAFE: "safe", REMOVED: "removed" });
export const Answer = Object.freeze({ NONE: "none", CLEARED: "cleared", HELD: "held", RECALLED: "recalled" });

const SEVERITY = Object.values(Answer);

/** What one event says of a recall. */
export class Recall {
  constructor(members) {
    Object.assign(this, members);
    Object.freeze(this);
  }

  /** What it means for whoever has the goods. */
  get answer() {
    if (this.state === State.HOLD) return Answer.HELD;
    return this.outcome === Outcome.SAFE ? Answer.CLEARED : Answer.RECALLED;
  }

  /** Its form in an event. */
  member() {
    const { id, state, recallClass, origin, hazard, advice, contact, outcome } = this;
    const said = { id, state, recallClass, origin, hazard, advice, contact, outcome };
    return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null));
  }
}

/** What an event says of a recall, or null. Throws StatementError: it says so in another form. */
export function recallOf(event) {
  const said = event.get(MEMBER) ?? null;
  if (said === null) return null;
  const state = oneOf(State, required(said, "state"));
  const origin = required(said, "origin"), contact = said.get("contact") ?? null;
  if (!Array.isArray(origin)) throw refusal();
  return new Recall({
    id: text(required(said, "id")),
    state,
    recallClass: whole(required(said, "recallClass")),
    origin: origin.map(text),
    hazard: both(required(said, "hazard")),
    advice: both(required(said, "advice")),
    contact: contact === null ? null : text(contact),
    outcome: state === State.CLOSED ? oneOf(Outcome, required(said, "outcome")) : null,
  });
}

/** What a batch's events, in the order of its stream, come to: the worst of its recalls counts. */
export function answerOf(recalls) {
  const newest = new Map(recalls.map((recall) => [recall.id, recall.answer]));
  return SEVERITY[Math.max(0, ...[...newest.values()].map((answer) => SEVERITY.indexOf(answer)))];
}

function refusal() {
  return new StatementError("not a recall as docs/formats.md describes it");
}

function required(said, name) {
  if (!(said instanceof Map) || !said.has(name)) throw refusal();
  return said.get(name);
}

function oneOf(words, value) {
  if (!Object.values(words).includes(value)) throw refusal();
  return value;
}

function both(names) {
  return Object.freeze({ en: text(required(names, "en")), zh: text(required(names, "zh")) });
}

function text(value) {
  if (typeof value !== "string") throw refusal();
  return value;
}

function whole(value) {
  if (typeof value !== "number") throw refusal();
  return value;
}
