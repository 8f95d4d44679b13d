// Ed25519 with one strict rule for what is accepted (docs/adr/0002):
//
// 1. key: 32 bytes, y < p, a point of the prime-order subgroup and not the identity;
// 2. signature: 64 bytes, S < L, R none of the points of small order;
// 3. the bytes of R equal the encoding of [S]B - [k]A, k = SHA-512(R || A || M) mod L.

import { GROUP_ORDER_BYTES, ed25519Verify, pointOfPrimeOrder, sha256, withTable } from "../crypto.js";
import { KeyRefusedError, SignatureMismatchError } from "../errors.js";
import { compareBytes, equalBytes, fromHex, toHex } from "../octets.js";

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
/** The canonical encodings of the eight points of small order, with either sign bit. */
const SMALL_ORDER = SMALL_ORDER_Y.flatMap((y) => [y, withSign(y)]).map(fromHex);
/** Who is asked instead of the rules that need the curve; null unless within `leaving`. */
let others = null;

/** An Ed25519 public key that passed rule 1. Throws KeyRefusedError. */
export class PublicKey {
  #point = null;
  #uses = 0;

  constructor(raw) {
    if (raw.length !== KEY_BYTES) throw refused(raw);
    if (others === null) this.#point = pointOf(raw);
    else others.key(raw);
    this.raw = raw;
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
    if (others !== null) {
      others.signature(this.raw, message, signature);
      return;
    }
    this.#point ??= pointOf(this.raw);
    this.#uses += 1;
    if (this.#uses === OFTEN) this.#point = withTable(this.#point);
    if (!ed25519Verify(this.#point, this.raw, message, signature)) {
      throw mismatch(`one made by key ${this.deviceId} over this message`, signature);
    }
  }
}

/**
 * Do some work at once, in which the curve is left to `asked`: `key(raw)` for rule 1 of every key that is made,
 * `signature(raw, message, signature)` for rule 3; rule 2 is checked here. What was found holds if they say yes to all.
 */
export function leaving(asked, work) {
  const before = others;
  others = asked;
  try {
    return work();
  } finally {
    others = before;
  }
}

/** Rule 2. */
function requireForm(signature) {
  if (signature.length !== SIGNATURE_BYTES) throw mismatch(`${SIGNATURE_BYTES} bytes`, signature);
  if (signature[63] >= GROUP_ORDER_BYTES[0] && compareBytes(signature.slice(32).reverse(), GROUP_ORDER_BYTES) >= 0) throw mismatch("S < L", signature);
  const r = signature.subarray(0, 32);
  if (SMALL_ORDER.some((small) => equalBytes(small, r))) throw mismatch("R not of small order", signature);
}

function pointOf(raw) {
  const point = pointOfPrimeOrder(raw);
  if (point === null) throw refused(raw);
  return point;
}

function refused(raw) {
  return new KeyRefusedError("Ed25519 public key", "the 32-byte encoding of a point of prime order", raw);
}

function mismatch(expected, signature) {
  return new SignatureMismatchError("Ed25519 signature", expected, signature);
}

function withSign(y) {
  return y.slice(0, 62) + (Number.parseInt(y.slice(62), 16) | 0x80).toString(16);
}
