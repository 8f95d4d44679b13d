// Whose key is whose and when: key streams, read act by act. Record time decides: a key speaks from the record
// that brings it in up to, not including, the one that rotates it away or revokes it.

import {
  BundleError, ChainMismatchError, KeyNotInForceError, SignatureMismatchError, SubjectMismatchError, UnknownSignerError,
} from "../errors.js";
import { parseStream } from "../identifiers.js";
import { formatTime } from "../ledger/record.js";
import * as media from "../media.js";
import { equalBytes, toHex } from "../octets.js";
import { ENROL, KeyStatement, ROTATE } from "../signing/keystatement.js";
import { Revocation, parseKeyAct } from "../signing/revocation.js";

/** A key: whose it is, and when it speaks for them; `untilMs` and `revocation` are null while it is in force. */
export class Signer {
  constructor(statement, fromMs, untilMs = null, revocation = null) {
    Object.assign(this, { statement, fromMs, untilMs, revocation });
    Object.freeze(this);
  }

  get key() {
    return this.statement.key;
  }

  /** URI of its key stream. */
  get stream() {
    return this.statement.stream;
  }

  /** URI of the party or device that holds it. */
  get subject() {
    return this.statement.subject;
  }

  /** URI of the party that owns the device; null for a party's key. */
  get owner() {
    return this.statement.owner;
  }

  /** Who keeps a party's private key, `node` or `self`; null for a device's. */
  get custody() {
    return this.statement.custody;
  }

  /** Whether it was in force for what was recorded then. */
  speaksAt(atMs) {
    return this.fromMs <= atMs && (this.untilMs === null || atMs < this.untilMs);
  }

  /** Whether misuse is suspected of what was recorded then. */
  suspectedAt(atMs) {
    const since = this.revocation?.suspectedS ?? null;
    return since !== null && atMs >= since * 1000;
  }
}

/** The keys of some key streams, read so far; keys stand by their kid in hexadecimal. */
export class Signers {
  byKid = new Map();
  inForce = new Map();
  holders = new Map();
  acts = [];
  used = new Set();

  /** Read the next act of a key stream; what it cannot check alone, `checkVoucher` does. */
  take(uri, body, atMs) {
    const act = parseKeyAct(body);
    if (act.stream !== uri) throw new SubjectMismatchError("a key statement on another stream", act.stream, uri);
    const holder = this.holders.get(uri) ?? act.subject;
    if (act.subject !== holder) throw new SubjectMismatchError(`holder of ${uri}`, holder, act.subject);
    if (act instanceof Revocation) this.#revoke(act, atMs);
    else this.#bringIn(act, atMs);
    this.holders.set(uri, holder);
    this.acts.push([act, atMs]);
    return act;
  }

  /** The holder of a key, for what was recorded at `atMs`. Throws UnknownSignerError, KeyNotInForceError. */
  find(kid, atMs) {
    const name = toHex(kid), found = this.byKid.get(name);
    if (found === undefined) throw new UnknownSignerError(`there is no key statement for key ${name}`);
    this.used.add(found.stream);
    if (!found.speaksAt(atMs)) {
      const until = found.untilMs === null ? "" : ` until ${formatTime(found.untilMs)}`;
      throw new KeyNotInForceError(
        `key ${name} is in force from ${formatTime(found.fromMs)}${until}, this was recorded at ${formatTime(atMs)}`,
      );
    }
    return found;
  }

  /** Check the signature of whoever vouches for an act; those of a registrar that is not known (null) are passed over. */
  checkVoucher(act, atMs, registrar) {
    if (act instanceof Revocation) {
      if (registrar !== null && !equalBytes(act.revoker, act.kid)) act.verify(registrar);
    } else if (act.owner !== null) {
      const owner = this.find(act.voucher ?? new Uint8Array(), atMs);
      if (owner.subject !== act.owner) {
        throw new SubjectMismatchError(`who vouches for ${act.subject}`, act.owner, owner.subject);
      }
      act.message.verify(1, owner.key);
    } else if (registrar !== null && act.act === ENROL) {
      act.message.verify(1, registrar);
    }
  }

  #bringIn(act, atMs) {
    act.message.verify(0, act.key);
    if (act.voucher === null) {
      throw new SignatureMismatchError("a signature is missing: nobody vouches for this key");
    }
    const kid = toHex(act.key.kid), current = this.inForce.get(act.stream) ?? null;
    if (this.byKid.has(kid)) throw new ChainMismatchError(`key ${kid} is brought in for a second time`);
    if (act.act === ROTATE) this.#rotateAway(act, current, atMs);
    else if (current !== null) throw new ChainMismatchError(`an enrolment while key ${current} is in force`);
    this.byKid.set(kid, new Signer(act, atMs));
    this.inForce.set(act.stream, kid);
  }

  #rotateAway(act, current, atMs) {
    if (current === null || toHex(act.voucher) !== current) {
      throw new ChainMismatchError("a rotation is signed by the key in force", current ?? "none", act.voucher);
    }
    const old = this.byKid.get(current);
    act.message.verify(1, old.key);
    this.byKid.set(current, new Signer(old.statement, old.fromMs, atMs, old.revocation));
  }

  #revoke(act, atMs) {
    const kid = toHex(act.kid), held = this.byKid.get(kid);
    if (held === undefined || held.stream !== act.stream) {
      throw new SubjectMismatchError(`key ${kid} is revoked, but it never stood in ${act.stream}`);
    }
    if (held.revocation !== null) throw new ChainMismatchError(`key ${kid} is revoked for a second time`);
    if (equalBytes(act.revoker, act.kid)) {
      if (held.untilMs !== null) throw new ChainMismatchError("a key that was rotated away revokes itself");
      act.verify(held.key);
    }
    this.byKid.set(kid, new Signer(held.statement, held.fromMs, held.untilMs ?? atMs, act));
    if (this.inForce.get(act.stream) === kid) this.inForce.set(act.stream, null);
  }
}

/** The signers of whole key streams, vouched for as far as there is a policy. */
export function readSigners(stretches, policy) {
  const signers = new Signers();
  for (const stretch of stretches) {
    const { host } = parseStream(stretch.uri);
    if (policy !== null && host !== policy.node) {
      throw new SubjectMismatchError("node of a key stream", policy.node, host);
    }
    if (stretch.first || !stretch.links.length || stretch.place === null) {
      throw new BundleError(`${stretch.uri} must be there whole, with its place in the state`);
    }
    for (const { statement, mediaType, timeMs } of stretch.links) {
      if (statement === null || mediaType !== media.KEY) {
        throw new BundleError(`${stretch.uri} must show its key statements`);
      }
      signers.take(stretch.uri, statement, timeMs);
    }
  }
  for (const [act, atMs] of signers.acts) signers.checkVoucher(act, atMs, policy === null ? null : policy.registrar.key);
  return signers;
}

/** The names that parties and devices carry in their newest enrolments, by URI. */
export function displayNames(signers) {
  const enrolled = signers.acts.map(([act]) => act).filter((act) => act instanceof KeyStatement && act.act === ENROL);
  return new Map(enrolled.map((act) => [act.subject, act.names]));
}
