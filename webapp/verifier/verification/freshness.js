// As of when witnesses vouch for a checkpoint, and whether that is recent (C2SP tlog-cosignature, tlog-policy).
// The verifier's clock is a value that comes in: nothing here asks for the time.

import { SignatureMismatchError } from "../errors.js";
import * as note from "../ledger/note.js";
import { formatTime } from "../ledger/record.js";
import { shown } from "./quorum.js";

/** A checkpoint is fresh for an hour: long enough to hand a file on, short enough for a recall. */
export const MAX_AGE_S = 3_600;
/** How far a witness's clock may be ahead of the verifier's, in seconds. */
export const MAX_AHEAD_S = 300;

export const FreshnessCode = Object.freeze({
  FRESH: "fresh", STALE: "stale", NOT_MET: "quorum-not-met", NO_CLOCK: "no-clock",
});

/** The answer of a policy's quorum; times are seconds since 1970, null where there is none. */
export class Freshness {
  constructor(code, { asOfS = null, ageS = null, witnesses = [], missing = [], ahead = [], complete = [] } = {}) {
    Object.assign(this, { code, asOfS, ageS, witnesses, missing, ahead, complete });
    Object.freeze(this);
  }

  /** Who has read all of the log up to this checkpoint; "" if not as many as the policy wants. */
  get checkedBy() {
    return names(this.complete);
  }

  /** The answer for people; it begins with its code. */
  get text() {
    const said = `${this.code}: ${this.#words()}`;
    if (!this.ahead.length) return said;
    return `${said}; more than ${MAX_AHEAD_S / 60} min ahead of this clock and not counted: ${names(this.ahead)}`;
  }

  /** The answer for programs. */
  toJson() {
    return {
      code: this.code,
      as_of: this.asOfS === null ? null : formatTime(this.asOfS * 1000),
      age_s: this.ageS,
      max_age_s: MAX_AGE_S,
      witnesses: this.witnesses.map(shown),
      missing: this.missing.map(shown),
      ahead: this.ahead.map(shown),
      complete: this.complete.map(shown),
    };
  }

  #words() {
    if (this.code === FreshnessCode.NO_CLOCK) {
      return "nobody said what time it is, and the policy asks for witnesses";
    }
    if (this.asOfS === null) {
      return `not cosigned by as many as the policy asks for; missing: ${names(this.missing)}`;
    }
    const vouched = `complete as of ${formatTime(this.asOfS * 1000)} by ${names(this.witnesses)}`;
    if (this.code === FreshnessCode.FRESH) return vouched;
    const age = `${Math.floor(this.ageS / 3600)} h ${Math.floor(this.ageS / 60) % 60} min`;
    return `${vouched}, ${age} ago; what came later is unknown`;
  }
}

/**
 * Check a checkpoint's signatures: the log's own, and those of the policy's witnesses.
 * Returns what the quorum comes to, null if none is asked for. Throws SignatureMismatchError, MalformedError.
 */
export function checkCheckpoint(signed, policy, nowMs) {
  const verified = note.verify(signed, [policy.log, ...policy.quorum.witnesses.map(({ key }) => key)]);
  if (!verified.some(({ by }) => by === policy.log)) {
    const signers = verified.map(({ by }) => by.name);
    throw new SignatureMismatchError("no signature by the log", policy.log.name, signers);
  }
  if (!policy.quorum.asks) return null;
  if (nowMs === null) return new Freshness(FreshnessCode.NO_CLOCK);
  const names = new Map(policy.quorum.witnesses.map(({ key, name }) => [key, name]));
  const made = new Map();
  for (const { by, timeS } of verified) {
    if (!names.has(by) || timeS === null) continue;
    made.set(names.get(by), [...(made.get(names.get(by)) ?? []), Number(timeS)]);
  }
  return judge(policy.quorum, made, nowMs);
}

/** What a quorum comes to, by the verifier's clock; `made` says by name when cosignatures were made. */
export function judge(quorum, made, nowMs) {
  const latestMs = nowMs + MAX_AHEAD_S * 1000;
  const times = new Map();
  for (const [name, all] of made) {
    const counting = all.filter((atS) => atS * 1000 <= latestMs);
    if (counting.length) times.set(name, Math.max(...counting));
  }
  const ahead = quorum.witnesses.map(({ name }) => name).filter((name) => made.has(name) && !times.has(name));
  const asOfS = quorum.asOf(times), complete = quorum.complete(times);
  if (asOfS === null) return new Freshness(FreshnessCode.NOT_MET, { missing: quorum.missing(times), ahead, complete });
  const ageMs = nowMs - asOfS * 1000;
  const code = ageMs <= MAX_AGE_S * 1000 ? FreshnessCode.FRESH : FreshnessCode.STALE;
  const witnesses = quorum.counted(times);
  return new Freshness(code, { asOfS, ageS: Math.floor(ageMs / 1000), witnesses, ahead, complete });
}

function names(all) {
  return all.map(shown).join(", ");
}
