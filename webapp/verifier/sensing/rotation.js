// Rotations: a device goes on with another key, by a statement of its own chain under the old one, about its key
// stream. The payload is [the next public key, its proof of possession], the proof about [iss, counter, prev].

import { StatementError } from "../errors.js";
import { Kind, deviceUri, parseStream } from "../identifiers.js";
import * as media from "../media.js";
import * as cbor from "../signing/cbor.js";
import { PublicKey } from "../signing/keys.js";
import { checkPossession } from "../signing/possession.js";

const KEY_BYTES = 32;

/** A rotation as read; the possession of `key` is proven, the old key's signature is not yet checked. */
export class Rotation {
  constructor(statement, key) {
    Object.assign(this, { statement, key });
    Object.freeze(this);
  }

  /** URI of the device's key stream. */
  get stream() {
    return this.statement.stream;
  }

  /** URI of the device. */
  get subject() {
    return this.statement.issuer;
  }
}

/**
 * What a device's statement says of its next key.
 * Throws StatementError, EncodingError, IdentifierError, KeyRefusedError, SignatureMismatchError.
 */
export function readRotation(statement) {
  const { issuer, counter, prev, mediaType } = statement;
  if (mediaType !== media.ROTATION) throw new StatementError(`${mediaType} brings no key in`);
  const stream = parseStream(statement.stream);
  if (stream.kind !== Kind.DEVICE_KEYS || deviceUri(stream.host, stream.values[0]) !== issuer) {
    throw new StatementError("a rotation speaks about the key stream of its own device");
  }
  const parts = cbor.decode(statement.payload);
  if (!Array.isArray(parts) || parts.length !== 2 || !(parts[1] instanceof Uint8Array)) {
    throw new StatementError("a rotation is [next key, proof of possession]");
  }
  const [raw, proof] = parts;
  if (!(raw instanceof Uint8Array) || raw.length !== KEY_BYTES) throw new StatementError("the next key must be 32 bytes");
  const key = new PublicKey(raw);
  checkPossession(proof, key, cbor.encode([issuer, counter, prev]));
  return new Rotation(statement, key);
}
