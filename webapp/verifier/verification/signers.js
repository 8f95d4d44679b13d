// Whose key is whose and when: key streams, read act by act. Record time decides: a key speaks from the record
// that brings it in up to, not including, the one that rotates it away or revokes it. A device's keys speak for the
// counters behind the rotation that brings each in, up to that of the next one.

import {
  BundleError, ChainMismatchError, KeyNotInForceError, SignatureMismatchError, SubjectMismatchError, UnknownSignerError,
} from "../errors.js";
import { parseStream } from "../identifiers.js";
import { formatTime } from "../ledger/record.js";
import * as media from "../media.js";
import { equalBytes, toHex } from "../octets.js";
import { parseStatement } from "../sensing/frame.js";
import { Rotation, readRotation } from "../sensing/rotation.js";
import { Farewell } from "../signing/farewell.js";
import { ENROL, KeyStatement, ROTATE } from "../signing/keystatement.js";
import { Revocation, parseKeyAct } from "../signing/revocation.js";
import { Signer } from "./signer.js";

/** The keys of some key streams, read so far; keys stand by their kid in hexadecimal. */
export class Signers {
  byKid = new Map();
  inForce = new Map();
  holders = new Map();
  owners = new Map();
  acts = [];
  used = new Set();

  /** The statements by which devices went on with other keys. */
  get rotations() {
    return this.acts.filter(([act]) => act instanceof Rotation).map(([act]) => act.statement);
  }

  /** Read the next act of a key stream; what it cannot check alone, `checkVoucher` does. */
  take(uri, body, atMs, mediaType = media.KEY) {
    const act = mediaType === media.KEY ? parseKeyAct(body) : readRotation(parseStatement(body));
    if (act.stream !== uri) throw new SubjectMismatchError("a key statement on another stream", act.stream, uri);
    const holder = this.holders.get(uri) ?? act.subject;
    if (act.subject !== holder) throw new SubjectMismatchError(`holder of ${uri}`, holder, act.subject);
    if (act instanceof Revocation) this.#revoke(act, atMs);
    else if (act instanceof Farewell) this.#part(act, atMs);
    else if (act instanceof Rotation) this.#goOn(act, atMs);
    else this.#bringIn(act, atMs);
    this.holders.set(uri, holder);
    this.acts.push([act, atMs]);
    return act;
  }

  /**
   * The holder of a key, for what was recorded at `atMs`; a device's statement has a counter.
   * Throws UnknownSignerError, KeyNotInForceError.
   */
  find(kid, atMs, counter = null) {
    const name = toHex(kid), found = this.byKid.get(name);
    if (found === undefined) throw new UnknownSignerError(`there is no key statement for key ${name}`);
    this.used.add(found.stream);
    if (!found.speaksAt(atMs, counter)) {
      const until = found.untilMs === null ? "" : ` until ${formatTime(found.untilMs)}`;
      throw new KeyNotInForceError(
        `key ${name} is in force from ${formatTime(found.fromMs)}${until}, this was recorded at ${formatTime(atMs)}`,
      );
    }
    return found;
  }

  /** Check the signature of whoever vouches for an act; those of a registrar that is not known (null) are passed over. */
  checkVoucher(act, atMs, registrar) {
    if (act instanceof Rotation) return;
    if (this.owners.has(act.stream)) {
      this.#checkOwner(act, atMs);
    } else if (act instanceof Revocation) {
      if (registrar !== null && !equalBytes(act.revoker, act.kid)) act.verify(registrar);
    } else if (registrar !== null && act.act === ENROL) {
      act.message.verify(1, registrar);
    }
  }

  /** The last signature under every key statement of a device's stream is its owner's. */
  #checkOwner(act, atMs) {
    const { kids } = act.message, expected = this.owners.get(act.stream);
    const owner = this.find(kids.at(-1), atMs);
    if (owner.subject !== expected) {
      throw new SubjectMismatchError(`who vouches for ${act.subject}`, expected, owner.subject);
    }
    act.message.verify(kids.length - 1, owner.key);
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
    if (act.owner !== null) this.owners.set(act.stream, act.owner);
    this.byKid.set(kid, new Signer({ statement: act, fromMs: atMs }));
    this.inForce.set(act.stream, kid);
  }

  #rotateAway(act, current, atMs) {
    if (current === null || toHex(act.voucher) !== current) {
      throw new ChainMismatchError("a rotation is signed by the key in force", current ?? "none", act.voucher);
    }
    const old = this.byKid.get(current);
    act.message.verify(1, old.key);
    this.byKid.set(current, old.with({ untilMs: atMs }));
  }

  #goOn(act, atMs) {
    const said = act.statement, current = this.inForce.get(act.stream) ?? null, kid = toHex(act.key.kid);
    if (current === null || toHex(said.kid) !== current) {
      throw new ChainMismatchError("a rotation is signed by the key in force", current ?? "none", said.kid);
    }
    if (this.byKid.has(kid)) throw new ChainMismatchError(`key ${kid} is brought in for a second time`);
    const old = this.byKid.get(current), { counter } = said;
    said.verify(old.key);
    if (counter < old.first) throw new ChainMismatchError(`a rotation with counter ${counter}, which is another key's`);
    const brought = { statement: old.statement, fromMs: atMs, first: counter + 1n, rotated: act.key };
    this.byKid.set(current, old.with({ untilMs: atMs, last: counter, following: act }));
    this.byKid.set(kid, new Signer(brought));
    this.inForce.set(act.stream, kid);
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
    this.byKid.set(kid, held.with({ untilMs: held.untilMs ?? atMs, revocation: act, revokedMs: atMs }));
    if (this.inForce.get(act.stream) === kid) this.inForce.set(act.stream, null);
  }

  #part(act, atMs) {
    const current = this.inForce.get(act.stream) ?? null;
    if (current === null) throw new ChainMismatchError("a farewell to a device of which no key is in force");
    const held = this.byKid.get(current);
    if (act.last < held.first - 1n) {
      throw new ChainMismatchError(`a farewell with last counter ${act.last}, which is another key's`);
    }
    this.byKid.set(current, held.with({ untilMs: atMs, last: act.last }));
    this.inForce.set(act.stream, null);
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
      if (statement === null || !media.KEY_ACTS.has(mediaType)) {
        throw new BundleError(`${stretch.uri} must show its key statements`);
      }
      signers.take(stretch.uri, statement, timeMs, mediaType);
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
