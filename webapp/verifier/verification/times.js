// Between which times statements were signed, as values: one bracket a record, and what they come to.

import { formatTime } from "../ledger/record.js";

/** What became of a beacon: whether the bundle proves the checkpoint that it names. */
export const Beacon = Object.freeze({ PROVEN: "proven", UNKNOWN: "unknown" });

/**
 * When one record's statement was signed, by the log's clock. `afterMs` is null where nothing says, `beacon` where the
 * statement names none, `agrees` (the device's clock lies within) where there is no such clock.
 */
export class Bracket {
  constructor(afterMs, beforeMs, beacon = null, agrees = null) {
    Object.assign(this, { afterMs, beforeMs, beacon, agrees });
    Object.freeze(this);
  }

  /** The bracket for programs. */
  toJson() {
    return {
      after: timeOrNull(this.afterMs),
      before: formatTime(this.beforeMs),
      beacon: this.beacon,
      clock: this.agrees === null ? null : this.agrees ? "agrees" : "disagrees",
    };
  }
}

/** The brackets of all frames of a bundle, summed up; the members are those of Python's `Times`. */
export class Times {
  constructor(members) {
    Object.assign(this, members);
    Object.freeze(this);
  }

  /** In one word: of all frames, of some, or of none. */
  get known() {
    if (this.bracketed === this.frames) return "known";
    return this.bracketed ? "partly" : "unknown";
  }

  /** The same for people. */
  get text() {
    const said = [this.#when()];
    if (this.unknown) said.push(`beacons of a checkpoint that is not proven here: ${this.unknown}`);
    if (this.disagreeing) said.push(`frames with which their device's clock disagrees: ${this.disagreeing}`);
    return [...said, "by the log's clock"].join("; ");
  }

  #when() {
    const { frames, bracketed } = this, before = formatTime(this.beforeMs);
    if (!bracketed) return `${frames} frames were signed before ${before}; after when is not known`;
    const whom = bracketed < frames ? `${bracketed} of ${frames} frames were each` : `each of ${frames} frames was`;
    const between = `after ${formatTime(this.afterMs)} and before ${before}`;
    return `${whom} signed ${between}, within at most ${duration(this.widestMs)}`;
  }

  /** The same for programs. */
  toJson() {
    return {
      frames: this.frames,
      bracketed: this.bracketed,
      unknown_beacons: this.unknown,
      clock_disagrees: this.disagreeing,
      after: timeOrNull(this.afterMs),
      before: formatTime(this.beforeMs),
      within_ms: this.widestMs,
    };
  }
}

/** The brackets of all frames, in few numbers; null where there are no frames. */
export function sumUp(brackets) {
  if (!brackets.length) return null;
  const spans = brackets.filter(({ afterMs }) => afterMs !== null);
  return new Times({
    frames: brackets.length,
    bracketed: spans.length,
    unknown: brackets.filter(({ beacon }) => beacon === Beacon.UNKNOWN).length,
    disagreeing: brackets.filter(({ agrees }) => agrees === false).length,
    afterMs: spans.length ? least(spans.map(({ afterMs }) => afterMs)) : null,
    beforeMs: most((spans.length ? spans : brackets).map(({ beforeMs }) => beforeMs)),
    widestMs: spans.length ? most(spans.map(({ afterMs, beforeMs }) => beforeMs - afterMs)) : null,
  });
}

/** A time span in its two largest units, such as `2 min 10 s`; what is begun counts as whole. */
export function duration(ms) {
  const seconds = Math.ceil(ms / 1000), minutes = Math.ceil(seconds / 60), hours = Math.ceil(minutes / 60);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function least(numbers) {
  return numbers.reduce((a, b) => Math.min(a, b));
}

function most(numbers) {
  return numbers.reduce((a, b) => Math.max(a, b));
}

function timeOrNull(ms) {
  return ms === null ? null : formatTime(ms);
}
