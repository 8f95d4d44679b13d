// All cryptography that verifying needs, behind one file: hashes, and the curve behind Ed25519.
// Synchronous and without WebCrypto, which browsers withhold from plain http pages; where it is, and keeps
// to the strict rule, it may say yes to signatures first (`quickVerifier`), never no.

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 as hash256, sha512 as hash512 } from "@noble/hashes/sha2.js";
import { concat, equalBytes, fromHex } from "./octets.js";

const { Point } = ed25519;

/** 2^252 + 27742317777372353535851937790883648493 (RFC 8032 5.1). */
export const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
/** The same as 32 bytes, the greatest first. */
export const GROUP_ORDER_BYTES = fromHex(GROUP_ORDER.toString(16).padStart(64, "0"));

/** Key, message and signature: RFC 8032 7.1, test 2; and one whose R has a component of order 8. */
const GENUINE = [
  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
  "72",
  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
];
const COFACTORED = [
  "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394",
  "746f7273696f6e",
  "1c0a342c86dd54ff8473d8c35dba52a7ae1fa98b60ae62c9285441b6e2ddb626637063cde94a19e9c8d7991740faf858aec88acd68802144019b77ace4ec4b02",
];

const fresh = hash256.create(), hashing = hash256.create();

export function sha256(bytes) {
  const digest = new Uint8Array(hashing.outputLen);
  fresh._cloneInto(hashing).update(bytes).digestInto(digest);
  return digest;
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

/**
 * The runtime's own Ed25519, if it has one that keeps to the cofactorless rule: a function of key, message and
 * signature that resolves to true where it holds; null where there is none to rely on.
 */
export async function quickVerifier(subtle = globalThis.crypto?.subtle) {
  const keys = new Map();
  const verify = async (raw, message, signature) => {
    if (!keys.has(raw)) keys.set(raw, subtle.importKey("raw", raw, "Ed25519", false, ["verify"]));
    return subtle.verify("Ed25519", await keys.get(raw), signature, message);
  };
  try {
    const [good, odd] = await Promise.all([GENUINE, COFACTORED].map((probe) => verify(...probe.map(fromHex))));
    return good === true && odd === false ? verify : null;
  } catch {
    return null;
  }
}

/** The same point with a table of its multiples, made at the next use: worth it for many signatures by one key. */
export function withTable(point) {
  return point.precompute(6);
}

function littleEndian(bytes) {
  let number = 0n;
  for (let i = bytes.length - 1; i >= 0; i -= 1) number = (number << 8n) | BigInt(bytes[i]);
  return number;
}
