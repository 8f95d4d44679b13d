// Whether a batch is recalled, as far as its checked bundle can say.

import { formatTime } from "../ledger/record.js";
import { Answer, answerOf } from "../supply/recall.js";

export const UNKNOWN = "unknown";
/** What a verdict comes to, by its exit code. */
export const IN_WORDS = [
  "Everything that was asked holds.",
  "Something does not match: do not rely on this file.",
  "Nothing contradicts it, but not everything could be checked.",
];
/** The same as the beginning of a sentence, where there are records to speak of. */
export const PROVEN = [
  "These records are genuine",
  "These records are not those of the label",
  "Nothing contradicts these records, though not all could be checked",
];
/** How that sentence ends. */
export const ALARMS = new Map([
  [Answer.RECALLED, "this lot is RECALLED: do not eat or sell it"],
  [Answer.HELD, "this lot is HELD: do not eat or sell it until that is over"],
]);

/** What a batch's own events say of recalls: the worst answer that holds now, null if that could not be checked. */
export class Standing {
  constructor(answer, recalls = [], asOfMs = null, madeOfOthers = false) {
    Object.assign(this, { answer, recalls, asOfMs, madeOfOthers });
    Object.freeze(this);
  }

  /** The answer in one word, and what it rests on; `names` of parties, by URI. */
  words(names) {
    if (this.answer === null || this.asOfMs === null) {
      return [UNKNOWN, "this could not be checked: do not take it as an all-clear"];
    }
    const said = this.recalls.map(([recall, event]) => `by ${names.get(event.party).get("en")}: ${recall.hazard.en}`);
    const word = this.answer === Answer.RECALLED ? this.answer.toUpperCase() : this.answer;
    said.push(`as of ${formatTime(this.asOfMs)}`);
    if (this.madeOfOthers && !ALARMS.has(this.answer)) {
      said.push("of this lot alone: what it was made from has proofs of its own");
    }
    return [word, said.join("; ")];
  }

  /** What a verdict comes to; of a lot that is held or recalled nobody shall read that all is well. */
  lastLine(exitCode) {
    const alarm = ALARMS.get(this.answer);
    return alarm === undefined ? IN_WORDS[exitCode] : `${PROVEN[exitCode]}, and by them ${alarm}.`;
  }

  /** The same for programs; `by` is a party's URI. */
  toJson() {
    return {
      answer: this.answer ?? UNKNOWN,
      as_of: this.asOfMs === null ? null : formatTime(this.asOfMs),
      recalls: this.recalls.map(([recall, event]) => ({
        ...recall.member(),
        by: event.party,
        at: formatTime(event.happenedMs),
      })),
    };
  }
}

/**
 * Where a batch stands. A recall that is there is told in any case; that there is none is told only if every
 * statement of the batch's stream is shown and its signers are vouched for.
 */
export function standingOf(journey, vouched = true) {
  if (journey === null) return new Standing(null);
  const { recalls, records, batch, asOfMs } = journey;
  const answer = answerOf(recalls.map(([recall]) => recall));
  const known = vouched && records.every(({ stream, shown }) => shown || stream !== batch);
  if ((answer === Answer.NONE || answer === Answer.CLEARED) && !known) return new Standing(null, [], asOfMs);
  const found = recalls.filter(([recall]) => recall.answer === answer);
  return new Standing(answer, found, asOfMs, journey.created.get("type") === "TransformationEvent");
}
