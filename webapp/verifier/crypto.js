// All cryptography that verifying needs, behind one file: hashes, and the curve behind Ed25519.
// Synchronous and without WebCrypto, which browsers withhold from plain http pages.

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 as hash256, sha512 as hash512 } from "@noble/hashes/sha2.js";
import { concat, equalBytes } from "./octets.js";

const { Point } = ed25519;

/** 2^252 + 27742317777372353535851937790883648493 (RFC 8032 5.1). */
export const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

export function sha256(bytes) {
  return hash256(bytes);
}

export function sha512(bytes) {
  return hash512(bytes);
}

/** The point of prime order that 32 bytes encode; null if they are another point's, or no point's. */
export function pointOfPrimeOrder(bytes) {
  let point;
  try {
    point = Point.fromBytes(bytes, false);
  } catch {
    return null;
  }
  return !point.is0() && point.isTorsionFree() ? point : null;
}

/**
 * Whether the bytes of R equal the encoding of [S]B - [k]A: RFC 8032 5.1.7 without the cofactor.
 * The library's own check multiplies by the cofactor, which accepts more; so only its points are used.
 */
export function ed25519Verify(point, raw, message, signature) {
  const r = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32, 64));
  if (s >= GROUP_ORDER) return false;
  const k = littleEndian(sha512(concat(r, raw, message))) % GROUP_ORDER;
  return equalBytes(Point.BASE.multiplyUnsafe(s).subtract(point.multiplyUnsafe(k)).toBytes(), r);
}

/** The same point with a table of its multiples, made at the next use: worth it for many signatures by one key. */
export function withTable(point) {
  return point.precompute(6);
}

export function littleEndian(bytes) {
  let number = 0n;
  for (let i = bytes.length - 1; i >= 0; i -= 1) number = (number << 8n) | BigInt(bytes[i]);
  return number;
}
