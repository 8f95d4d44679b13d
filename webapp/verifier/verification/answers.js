// The five answers of a verdict, as values.

export const Status = Object.freeze({ HOLDS: "holds", UNKNOWN: "unknown", FAILS: "fails" });
export const PARTS = ["signed", "unchanged", "complete", "fresh", "not proven"];
export const NOT_PROVEN = "that a sensor told the truth, and that the goods in your hands belong to this label";
export const UNASKED = "not answered: something does not match";

export function holds(name, text) {
  return Object.freeze({ name, status: Status.HOLDS, text });
}

export function unknown(name, text) {
  return Object.freeze({ name, status: Status.UNKNOWN, text });
}

/** Answers when one question failed: nothing is claimed of the others. */
export function failed(part, failure) {
  const text = [...failure.notes, failure.message].join(": ");
  const parts = PARTS.slice(0, -1).map((name) =>
    name === part ? Object.freeze({ name, status: Status.FAILS, text }) : unknown(name, UNASKED),
  );
  return [...parts, holds(PARTS.at(-1), NOT_PROVEN)];
}
