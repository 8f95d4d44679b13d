// Who must have cosigned a checkpoint: witnesses, groups of them, and the quorum asked for (C2SP tlog-policy).
// Names are octets, kept as text in which what is not UTF-8 stands as lone surrogates (PEP 383).

import { BundleError } from "../errors.js";
import * as note from "../ledger/note.js";
import { encodeUtf8, toHex } from "../octets.js";

/** The quorum that asks for no cosignature; no witness and no group has this name. */
export const NONE = "none";
/** The group of full witnesses: those that have read, checked and kept all of what they cosign. */
export const COMPLETE = "complete";
export const MAX_WITNESSES = 32;
export const MAX_GROUPS = 32;
const UNPRINTABLE = /[\p{C}\p{Z}]/u;

/** A witness under its name in the policy. Throws BundleError. */
export class Witness {
  constructor(name, key, url = null) {
    requireName(name);
    if (key.kind !== note.COSIGNATURE_V1) {
      throw policyError(`the key of witness ${shown(name)} is not one for cosignatures (type 4)`);
    }
    Object.assign(this, { name, key, url });
    Object.freeze(this);
  }
}

/** A group witnesses when at least `threshold` of its members do. Throws BundleError. */
export class Group {
  constructor(name, threshold, members) {
    requireName(name);
    if (!(threshold >= 1 && threshold <= members.length)) {
      throw policyError(`group ${shown(name)} asks for ${threshold} of its ${members.length} members`);
    }
    Object.assign(this, { name, threshold: Number(threshold), members: Object.freeze(members) });
    Object.freeze(this);
  }
}

/** What a policy says of witnesses. Throws BundleError: keys or names twice, or members that are not there. */
export class Quorum {
  constructor(witnesses = [], groups = [], wanted = NONE) {
    if (witnesses.length > MAX_WITNESSES || groups.length > MAX_GROUPS) {
      throw policyError(`a policy has at most ${MAX_WITNESSES} witnesses and ${MAX_GROUPS} groups`);
    }
    requireDistinctKeys(witnesses);
    const known = requireMembers(witnesses, groups);
    if (wanted !== NONE && !known.has(wanted)) throw policyError(`the quorum ${shown(wanted)} is not defined before`);
    Object.assign(this, { witnesses: Object.freeze(witnesses), groups: Object.freeze(groups), wanted });
    Object.freeze(this);
  }

  /** Whether any cosignature is asked for. */
  get asks() {
    return this.wanted !== NONE;
  }

  /** The largest T such that cosignatures at or after T meet the quorum, or null; `times` is a Map by name. */
  asOf(times) {
    return this.#reached(times).get(this.wanted) ?? null;
  }

  /** The witnesses by which the quorum (or another group) is met as of its time, in the policy's order. */
  counted(times, wanted = this.wanted) {
    const reached = this.#reached(times), asOf = reached.get(wanted);
    if (asOf === undefined) return [];
    return this.#below(wanted, (name) => reached.has(name) && reached.get(name) >= asOf);
  }

  /** The witnesses by which the group `complete` is met; none if it is not, or there is none. */
  complete(times) {
    return this.groups.some(({ name }) => name === COMPLETE) ? this.counted(times, COMPLETE) : [];
  }

  /** The witnesses that keep the quorum from being met: none of a group that has enough. */
  missing(times) {
    const reached = this.#reached(times);
    if (!this.asks || reached.has(this.wanted)) return [];
    return this.#below(this.wanted, (name) => !reached.has(name));
  }

  #reached(times) {
    const reached = new Map(this.witnesses.filter(({ name }) => times.has(name)).map(({ name }) => [name, times.get(name)]));
    for (const { name, threshold, members } of this.groups) {
      const newest = members.filter((member) => reached.has(member)).map((member) => reached.get(member));
      newest.sort((a, b) => b - a);
      if (newest.length >= threshold) reached.set(name, newest[threshold - 1]);
    }
    return reached;
  }

  #below(top, follow) {
    const names = new Set([top]);
    for (const { name, members } of [...this.groups].reverse()) {
      if (names.has(name)) members.filter(follow).forEach((member) => names.add(member));
    }
    return this.witnesses.map(({ name }) => name).filter((name) => names.has(name));
  }
}

/** `quorum none`. */
export const NO_WITNESSES = new Quorum();

/** A name for people: octets that a screen cannot show, or that would change it, as `\xNN`. */
export function shown(name) {
  return [...name].map((char) => (char !== " " && UNPRINTABLE.test(char) ? escaped(char) : char)).join("");
}

/** The refusal of a policy. */
export function policyError(text) {
  return new BundleError(text);
}

function escaped(char) {
  const code = char.codePointAt(0);
  const octets = code >= 0xdc80 && code <= 0xdcff ? [code - 0xdc00] : [...encodeUtf8(char)];
  return octets.map((octet) => `\\x${octet.toString(16).padStart(2, "0")}`).join("");
}

function requireName(name) {
  if (!name || name === NONE || [...name].some((char) => char <= " " || char === "\x7f")) {
    throw policyError(`not the name of a witness or group: ${shown(name)}`);
  }
}

function requireDistinctKeys(witnesses) {
  const holders = new Map();
  for (const { name, key } of witnesses) {
    for (const mark of [toHex(key.key.raw), `${key.name}\n${toHex(key.keyId)}`]) {
      const other = holders.get(mark) ?? name;
      holders.set(mark, other);
      if (other !== name) {
        throw policyError(
          `witnesses ${shown(other)} and ${shown(name)} have one key, or keys that a note cannot tell apart`,
        );
      }
    }
  }
}

function requireMembers(witnesses, groups) {
  const known = new Set(), placed = new Set();
  for (const item of [...witnesses, ...groups]) {
    for (const member of item instanceof Group ? item.members : []) {
      if (!known.has(member)) throw policyError(`member ${shown(member)} of group ${shown(item.name)} is not defined before`);
      if (placed.has(member)) throw policyError(`${shown(member)} is a member for a second time`);
      placed.add(member);
    }
    if (known.has(item.name)) throw policyError(`the name ${shown(item.name)} stands twice`);
    known.add(item.name);
  }
  return known;
}
