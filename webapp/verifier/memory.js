// What a browser remembers of a log: the newest checkpoint that it accepted, and notes that contradict it.
// Nothing of a lot or of a person is kept. One entry of the storage for each log, under its vkey.

import { TraceabilityError } from "./errors.js";
import { decodeBase64 } from "./ledger/lines.js";
import { verifyConsistency } from "./ledger/merkle.js";
import * as note from "./ledger/note.js";
import { decodeUtf8, encodeUtf8, equalBytes } from "./octets.js";
import { jsonDecode } from "./signing/strictjson.js";

export const PREFIX = "traceability log ";
/** Contradicting notes that are kept for each log; a fork needs one. */
export const MAX_AGAINST = 8;

/** How a checkpoint stands to the one that is remembered. */
export const Seen = Object.freeze({
  FIRST: "first",
  SAME: "same",
  GROWN: "grown",
  /** Larger, and nobody could be asked for a proof. */
  UNCOMPARED: "uncompared",
  /** Larger, and the node gave no proof when it was asked. */
  UNPROVEN: "unproven",
  OLDER: "older",
  /** Of the same size, with another root. */
  FORKED: "forked",
  /** Larger, and the proof does not lead from the one to the other. */
  REFUSED: "refused",
  /** What is kept cannot be read, or is not signed by the log. */
  UNREADABLE: "unreadable",
  /** The browser keeps nothing. */
  UNKEPT: "unkept",
});
export const ALARMS = new Set([Seen.OLDER, Seen.FORKED, Seen.REFUSED]);
const UNDECIDED = new Set([Seen.UNPROVEN, Seen.UNREADABLE]);
/** Answers that do not rest on the log; that of a label compares hashes of the chain alone. */
const UNTOUCHED = new Set(["signed", "label", "not proven"]);

/** A checkpoint as accepted: `text` is its signed note, `timeMs` the time of its state. */
export class Accepted {
  constructor(text, timeMs) {
    const { size, root } = note.parseCheckpoint(note.parseNote(encodeUtf8(text)).text);
    Object.assign(this, { text, timeMs, size, root });
    Object.freeze(this);
  }
}

/** A node's proof that a tree of `first` leaves grew into one of `second`. */
export class Growth {
  constructor(first, second, hashes) {
    Object.assign(this, { first: BigInt(first), second: BigInt(second), hashes });
    Object.freeze(this);
  }
}

/** The answer of `/log/proof?first=..&second=..`; null if it is none. */
export function parseGrowth(data) {
  try {
    const raw = jsonDecode(data);
    return new Growth(raw.get("first"), raw.get("second"), raw.get("consistency").map(decodeBase64));
  } catch {
    return null;
  }
}

/** What is remembered of one log; `storage` is as a browser has it, or null where it keeps nothing. */
export class Memory {
  #storage;
  #log;
  /** A note whose signature was checked: that of what is remembered, or of what was accepted just now. */
  #signed = null;

  constructor(storage, log) {
    this.#storage = storage;
    this.#log = log;
  }

  /** The sizes between which a proof of growth is needed, or null. */
  wanted(now) {
    const { before } = this.#read();
    return before !== null && now.size > before.size ? [before.size, now.size] : null;
  }

  /**
   * Compare a checkpoint with the one remembered, and remember it if it is the first or provably grew.
   * `growth` is null where no proof could be had; `asked` says whether the node was asked for one.
   * Returns {code, before, now}; `before` is null if there is none.
   */
  compare(now, growth, asked) {
    const { before, against, readable } = this.#read();
    const code = readable ? judge(before, now, growth, asked) : Seen.UNREADABLE;
    let kept = this.#storage !== null;
    if (code === Seen.FIRST || code === Seen.GROWN) kept = this.#write(now, against);
    if (ALARMS.has(code) && !against.includes(now.text)) {
      // An old file is no proof of anything: it never takes the place of a note that is.
      const all = code === Seen.OLDER ? [...against, now.text] : [now.text, ...against];
      this.#write(before, all.slice(0, MAX_AGAINST));
    }
    return { code: kept || ALARMS.has(code) ? code : Seen.UNKEPT, before, now };
  }

  /** The notes that contradict each other, as a file to hand on; null if there are none. */
  evidence() {
    const { before, against } = this.#read();
    if (!against.length) return null;
    return `${JSON.stringify({ log: this.#log.vkey(), notes: [before.text, ...against] }, null, 1)}\n`;
  }

  #read() {
    const text = this.#storage?.getItem(this.#place) ?? null;
    if (text === null) return { before: null, against: [], readable: true };
    try {
      const kept = JSON.parse(text), before = new Accepted(kept.note, kept.time_ms);
      if (!Array.isArray(kept.against)) throw new TypeError("notes are a list");
      if (before.text !== this.#signed) note.verify(note.parseNote(encodeUtf8(before.text)), [this.#log]);
      this.#signed = before.text;
      return { before, against: kept.against, readable: true };
    } catch {
      return { before: null, against: [], readable: false };
    }
  }

  #write({ text, timeMs }, against) {
    try {
      this.#storage.setItem(this.#place, JSON.stringify({ note: text, time_ms: timeMs, against }));
      this.#signed = text;
      return true;
    } catch {
      return false;
    }
  }

  get #place() {
    return PREFIX + this.#log.vkey();
  }
}

/** Forget every log. */
export function forget(storage) {
  const names = Array.from({ length: storage.length }, (_, i) => storage.key(i));
  names.filter((name) => name.startsWith(PREFIX)).forEach((name) => storage.removeItem(name));
}

/**
 * The checkpoint that a verdict rests on; null where no log was pinned or the bundle failed. A label that does not
 * fit says nothing of the log: just then it matters whether the log was rewritten.
 */
export function acceptedBy(verdict) {
  if (verdict.signed === null) return null;
  return new Accepted(decodeUtf8(verdict.signed), verdict.journey.asOfMs);
}

/** The status of an answer of the verdict (`recall` too) in the light of what is remembered. */
export function statusAfter(code, name, status) {
  if (!ALARMS.has(code) || UNTOUCHED.has(name)) return status;
  if (name === "recall") return status === "none" || status === "cleared" ? "unknown" : status;
  return code === Seen.OLDER && name !== "fresh" ? "unknown" : "fails";
}

/** The exit code of a verdict in the light of what is remembered. */
export function exitAfter(code, exitCode) {
  if (ALARMS.has(code)) return 1;
  return UNDECIDED.has(code) && exitCode === 0 ? 2 : exitCode;
}

function judge(before, now, growth, asked) {
  if (before === null) return Seen.FIRST;
  if (now.size < before.size) return Seen.OLDER;
  if (now.size === before.size) return equalBytes(now.root, before.root) ? Seen.SAME : Seen.FORKED;
  if (growth === null || growth.first !== before.size || growth.second !== now.size) {
    return asked ? Seen.UNPROVEN : Seen.UNCOMPARED;
  }
  try {
    verifyConsistency(before.size, now.size, before.root, now.root, growth.hashes);
    return Seen.GROWN;
  } catch (error) {
    if (!(error instanceof TraceabilityError)) throw error;
    return Seen.REFUSED;
  }
}
