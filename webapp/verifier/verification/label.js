// Whether a checked chain is still the one whose trace code was printed on a label.

import { LabelMismatchError } from "../errors.js";
import { traceCode } from "../ledger/tracecode.js";
import { Status, UNASKED } from "./answers.js";

/** What came of it; stable, for programs. */
export const LabelCode = Object.freeze({
  SAME: "same-chain",
  OTHER: LabelMismatchError.code,
  NOT_REACHED: "not-reached",
  UNASKED: "not-answered",
});

const STATUS = new Map([
  [LabelCode.SAME, Status.HOLDS],
  [LabelCode.OTHER, Status.FAILS],
  [LabelCode.NOT_REACHED, Status.UNKNOWN],
  [LabelCode.UNASKED, Status.UNKNOWN],
]);

/** The answer for the code of one label; `found` is that of the chain at the same count, `count` its length. */
export class Label {
  constructor(code, typed, found = null, count = null) {
    Object.assign(this, { code, typed, found, count });
    Object.freeze(this);
  }

  /** The answer in one word. */
  get status() {
    return STATUS.get(this.code);
  }

  /** The reason why it fails; null if it does not. */
  get failure() {
    if (this.code !== LabelCode.OTHER) return null;
    return new LabelMismatchError(
      `head of the chain at ${this.typed.count} records`,
      this.typed.text,
      this.found.text,
    );
  }

  /** The answer for people; it begins with its code. */
  get text() {
    return `${this.code}: ${this.#words()}`;
  }

  /** The answer for programs. */
  toJson() {
    const { code, status, text, typed, found, count } = this;
    return { code, status, text, typed: typed.text, found: found && found.text, count };
  }

  #words() {
    const at = this.typed.count;
    if (this.code === LabelCode.SAME) {
      return `the chain still begins with the ${at} records that the label was printed with`;
    }
    if (this.code === LabelCode.OTHER) {
      return `the chain at ${at} records is another: it was rewritten, or the label is another lot's`;
    }
    if (this.code === LabelCode.NOT_REACHED) {
      return (
        `the label was printed at ${at} records and this chain has ${this.count}: take a newer bundle; ` +
        "if there is none, records are gone, or the label is another lot's"
      );
    }
    return UNASKED;
  }
}

/** Compare a label's code with the chain of a checked journey. */
export function compare(typed, journey) {
  const heads = journey.records.filter(({ stream }) => stream === journey.batch).map(({ hash }) => hash);
  if (typed.count > BigInt(heads.length)) return new Label(LabelCode.NOT_REACHED, typed, null, heads.length);
  const found = traceCode(typed.count, heads[Number(typed.count) - 1]);
  const same = found.count === typed.count && found.head === typed.head;
  return new Label(same ? LabelCode.SAME : LabelCode.OTHER, typed, found, heads.length);
}
