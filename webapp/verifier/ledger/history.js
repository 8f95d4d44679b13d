// One proof of several leaves of a log, and of the earlier trees that end with them. The proof is a walk through
// the tree, left before right: a part in which no leaf is asked about is one hash, a leaf that is asked about is
// itself. Source: RFC 6962 2.1; docs/adr/0027.

import { sha256 } from "../crypto.js";
import { MalformedError, ProofMismatchError } from "../errors.js";
import { encodeUtf8, equalBytes } from "../octets.js";
import { encodeBase64 } from "./lines.js";
import * as merkle from "./merkle.js";

/** What a device's statement names a checkpoint by: SHA-256 of its text without signatures. */
export function beaconOf(origin, size, root) {
  return sha256(encodeUtf8(`${origin}\n${size}\n${encodeBase64(root)}\n`));
}

/**
 * Check that these leaf hashes are in the tree with this size and root; `leaves` is a Map by index (BigInt).
 * Returns by the index of each the root of the tree that ended with it. Throws MalformedError, ProofMismatchError.
 */
export function pastRoots(leaves, size, proof, rootHash) {
  if (!leaves.size) throw new MalformedError("a proof of no leaf proves nothing");
  for (const index of leaves.keys()) merkle.requireLeaf(index, size);
  if ([...proof, ...leaves.values()].some((item) => item.length !== merkle.HASH_SIZE)) {
    throw new MalformedError(`every hash of a proof has ${merkle.HASH_SIZE} bytes`);
  }
  const wanted = [...leaves.keys()].sort((a, b) => (a < b ? -1 : 1));
  const nodes = besides(0n, size, wanted);
  if (nodes !== proof.length) throw new ProofMismatchError("the proof has the wrong length", nodes, proof.length);
  const [reached, past] = walk(0n, size, wanted, leaves, proof[Symbol.iterator]());
  if (!equalBytes(reached, rootHash)) throw new ProofMismatchError("the proof leads to another root", rootHash, reached);
  return past;
}

/** Where the right half of a tree begins: the largest power of two below its size. */
function split(first, end) {
  return first + (1n << BigInt((end - first - 1n).toString(2).length - 1));
}

/** How many hashes a proof has. */
function besides(first, end, wanted) {
  if (!wanted.length) return 1;
  if (end - first === 1n) return 0;
  const middle = split(first, end), [left, right] = cut(wanted, middle);
  return besides(first, middle, left) + besides(middle, end, right);
}

/** Hash of a part, and by each leaf in it that of the same part cut off behind the leaf. */
function walk(first, end, wanted, leaves, proof) {
  if (!wanted.length) return [proof.next().value, new Map()];
  if (end - first === 1n) return [leaves.get(first), new Map([[first, leaves.get(first)]])];
  const middle = split(first, end), [before, behind] = cut(wanted, middle);
  const [left, past] = walk(first, middle, before, leaves, proof);
  const [right, later] = walk(middle, end, behind, leaves, proof);
  for (const [index, cutOff] of later) past.set(index, merkle.nodeHash(left, cutOff));
  return [merkle.nodeHash(left, right), past];
}

function cut(wanted, middle) {
  const place = wanted.findIndex((index) => index >= middle);
  return place < 0 ? [wanted, []] : [wanted.slice(0, place), wanted.slice(place)];
}
