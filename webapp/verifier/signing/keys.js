// Ed25519 with one strict rule for what is accepted (docs/adr/0002):
//
// 1. key: 32 bytes, y < p, a point of the prime-order subgroup and not the identity;
// 2. signature: 64 bytes, S < L, R none of the points of small order;
// 3. the bytes of R equal the encoding of [S]B - [k]A, k = SHA-512(R || A || M) mod L.

import { GROUP_ORDER, ed25519Verify, littleEndian, pointOfPrimeOrder, sha256, withTable } from "../crypto.js";
import { KeyRefusedError, SignatureMismatchError } from "../errors.js";
import { toHex } from "../octets.js";

export const KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;
/** From so many signatures on, a table for the key costs less than it saves: a device signs hundreds. */
const OFTEN = 16;

const SMALL_ORDER_Y = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
];
/** The canonical encodings of the eight points of small order, in hexadecimal, with either sign bit. */
const SMALL_ORDER = new Set(SMALL_ORDER_Y.flatMap((y) => [y, withSign(y)]));

/** An Ed25519 public key that passed rule 1. Throws KeyRefusedError. */
export class PublicKey {
  #point;
  #uses = 0;

  constructor(raw) {
    const point = raw.length === KEY_BYTES ? pointOfPrimeOrder(raw) : null;
    if (point === null) {
      throw new KeyRefusedError("Ed25519 public key", "the 32-byte encoding of a point of prime order", raw);
    }
    this.raw = raw;
    this.#point = point;
    /** The key id in COSE and JOSE headers: the first 16 bytes of SHA-256 of the key. */
    this.kid = sha256(raw).subarray(0, 16);
    Object.freeze(this);
  }

  /** The id of a device whose first key this is: 32 lower-case hex digits of the same hash. */
  get deviceId() {
    return toHex(this.kid);
  }

  /** Check a signature by rules 2 and 3. Throws SignatureMismatchError. */
  verify(message, signature) {
    requireForm(signature);
    this.#uses += 1;
    if (this.#uses === OFTEN) this.#point = withTable(this.#point);
    if (!ed25519Verify(this.#point, this.raw, message, signature)) {
      throw mismatch(`one made by key ${this.deviceId} over this message`, signature);
    }
  }
}

/** A key whose rule 3 is left to `put(key, message, signature)`; rule 2 is checked at once. */
export class DeferringKey {
  #key;
  #put;

  constructor(key, put) {
    this.#key = key;
    this.#put = put;
  }

  get kid() {
    return this.#key.kid;
  }

  verify(message, signature) {
    requireForm(signature);
    this.#put(this.#key, message, signature);
  }
}

/** Rule 2. */
function requireForm(signature) {
  if (signature.length !== SIGNATURE_BYTES) throw mismatch(`${SIGNATURE_BYTES} bytes`, signature);
  if (littleEndian(signature.subarray(32)) >= GROUP_ORDER) throw mismatch("S < L", signature);
  if (SMALL_ORDER.has(toHex(signature.subarray(0, 32)))) throw mismatch("R not of small order", signature);
}

function mismatch(expected, signature) {
  return new SignatureMismatchError("Ed25519 signature", expected, signature);
}

function withSign(y) {
  return y.slice(0, 62) + (Number.parseInt(y.slice(62), 16) | 0x80).toString(16);
}
