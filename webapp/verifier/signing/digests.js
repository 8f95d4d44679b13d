// Parts of a JSON object that were shown or withheld one by one (RFC 9901 7.1): puts back what the
// disclosures at hand open and takes every other digest out.
//
// Paths name places: member names and array indexes from the top, as arrays. An index counts
// withheld elements too, so a part has the same path whoever looks at it.

import { sha256 } from "../crypto.js";
import { OversizeError, ProofMismatchError, StatementError } from "../errors.js";
import { countChars, encodeAscii, quoted } from "../octets.js";
import { b64url, b64urlDecode, jsonDecode } from "./strictjson.js";

export const HASH_NAME = "sha-256";
/** An event of depth 14 under its claim. */
export const MAX_CLAIMS_DEPTH = 15;
export const MAX_DISCLOSURES = 4_096;
/** 1 MiB of disclosures for one statement, all texts together. */
export const MAX_DISCLOSURES_BYTES = 1_048_576;

const DIGESTS = "_sd";
const ELEMENT = "...";
const ALGORITHM = "_sd_alg";
const RESERVED = new Set([DIGESTS, ELEMENT, ALGORITHM]);

/** What the disclosures at hand show: claims without digests, paths by digest, how many stayed closed. */
export class Revealed {
  constructor(claims, paths, hidden) {
    Object.assign(this, { claims, paths, hidden });
    Object.freeze(this);
  }
}

/** The digest of a disclosure's base64url text (RFC 9901 4.2.3). */
export function digestOf(disclosure) {
  return b64url(sha256(encodeAscii(disclosure)));
}

/**
 * The claims that these disclosures show, all rules of RFC 9901 7.1 step 3 to 5 applied. Verify the
 * signature first. Throws ProofMismatchError, EncodingError, StatementError, OversizeError.
 */
export function reveal(payload, disclosures) {
  requireHash(payload);
  requireWithinLimits(disclosures);
  const contents = new Map(disclosures.map(read));
  if (contents.size !== disclosures.length) throw new StatementError("a disclosure is given twice");
  const revealing = new Revealing(contents);
  const claims = revealing.openObject(payload, []);
  const unsigned = [...contents.keys()].filter((digest) => !revealing.paths.has(digest)).sort();
  if (unsigned.length) throw new ProofMismatchError("a disclosure was not signed", null, unsigned[0]);
  return new Revealed(claims, revealing.paths, revealing.seen.size - revealing.paths.size);
}

/** Where each disclosure stands, by digest; errors as `reveal`. */
export function paths(payload, disclosures) {
  return reveal(payload, disclosures).paths;
}

export function requireHash(payload) {
  if (payload.get(ALGORITHM) !== HASH_NAME) {
    throw new StatementError(`_sd_alg is ${quoted(payload.get(ALGORITHM))}, expected ${quoted(HASH_NAME)}`);
  }
}

/** A disclosure's digest, and what it holds. */
function read(text) {
  const held = jsonDecode(b64urlDecode(text));
  return [digestOf(text), held];
}

/** One run of RFC 9901 7.1 step 3: which digests were met, and which of them were opened. */
class Revealing {
  seen = new Set();
  paths = new Map();

  constructor(contents) {
    this.contents = contents;
  }

  openObject(value, path) {
    requireDepth(path);
    if (value.has(ELEMENT) || (path.length && value.has(ALGORITHM))) {
      throw new StatementError("a reserved member name stands where it must not");
    }
    const shown = new Map();
    for (const [name, item] of value) {
      if (!RESERVED.has(name)) shown.set(name, this.#open(item, [...path, name]));
    }
    const digests = value.has(DIGESTS) ? value.get(DIGESTS) : [];
    if (!Array.isArray(digests)) throw new StatementError("_sd is a list of digests");
    for (const digest of digests) this.#showMember(shown, digest, path);
    return shown;
  }

  #showMember(shown, digest, path) {
    const parts = this.#take(digest, 3);
    if (parts === null) return;
    const [name, item] = parts;
    if (typeof name !== "string" || RESERVED.has(name) || shown.has(name)) {
      throw new StatementError("a disclosure's member name is reserved, used twice, or not a text");
    }
    shown.set(name, this.#openTaken(digest, item, [...path, name]));
  }

  #open(value, path) {
    if (value instanceof Map) return this.openObject(value, path);
    return Array.isArray(value) ? this.#openArray(value, path) : value;
  }

  #openArray(value, path) {
    requireDepth(path);
    const shown = [];
    for (const [index, item] of value.entries()) {
      const place = [...path, index];
      if (!(item instanceof Map) || !item.has(ELEMENT)) {
        shown.push(this.#open(item, place));
        continue;
      }
      if (item.size !== 1) throw new StatementError("a withheld array element has one member, '...'");
      const parts = this.#take(item.get(ELEMENT), 2);
      if (parts !== null) shown.push(this.#openTaken(item.get(ELEMENT), parts[0], place));
    }
    return shown;
  }

  /** What follows the salt in a digest's disclosure, or null if that is withheld. */
  #take(digest, length) {
    if (typeof digest !== "string") throw new StatementError("a digest is a text");
    if (this.seen.has(digest)) throw new StatementError("a digest stands twice in the statement");
    this.seen.add(digest);
    if (!this.contents.has(digest)) return null;
    const parts = this.contents.get(digest);
    if (!Array.isArray(parts) || parts.length !== length || typeof parts[0] !== "string") {
      throw new StatementError(`this disclosure is a list of ${length}: its salt first`);
    }
    return parts.slice(1);
  }

  #openTaken(digest, item, place) {
    this.paths.set(digest, place);
    return this.#open(item, place);
  }
}

function requireDepth(path) {
  if (path.length >= MAX_CLAIMS_DEPTH) throw new StatementError(`claims nest deeper than ${MAX_CLAIMS_DEPTH}`);
}

function requireWithinLimits(disclosures) {
  const total = disclosures.reduce((sum, text) => sum + countChars(text), 0);
  if (disclosures.length > MAX_DISCLOSURES || total > MAX_DISCLOSURES_BYTES) {
    throw new OversizeError(
      `at most ${MAX_DISCLOSURES} disclosures of ${MAX_DISCLOSURES_BYTES} characters in all`,
    );
  }
}
