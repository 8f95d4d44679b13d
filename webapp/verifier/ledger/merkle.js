// Merkle tree hashes and the checking of proofs (RFC 6962 2.1, RFC 9162 2.1.3 and 2.1.4).
// A node is [height, index]; indexes and sizes are BigInt, or numbers that are safe integers.

import { sha256 } from "../crypto.js";
import { MalformedError, OversizeError, ProofMismatchError } from "../errors.js";
import { concat, equalBytes } from "../octets.js";

export const HASH_SIZE = 32;
/** Hashes in a proof, at most: C2SP tlog-witness. */
export const MAX_PROOF = 63;
export const MAX_SIZE = 2n ** 63n - 1n;
export const EMPTY_ROOT = sha256(new Uint8Array(0));

/** Hash of a leaf: SHA-256(0x00 || data). */
export function leafHash(data) {
  return sha256(concat(Uint8Array.of(0), data));
}

/** Hash of an inner node: SHA-256(0x01 || left || right). */
export function nodeHash(left, right) {
  return sha256(concat(Uint8Array.of(1), left, right));
}

/** Nodes beside the way from a node to the root, lowest first; one with an even index stands to the left. */
export function siblings(index, size, height = 0) {
  let at = BigInt(index), last = (BigInt(size) - 1n) >> BigInt(height);
  const found = [];
  for (let level = height; last > 0n; level += 1) {
    if (at & 1n || at < last) found.push([level, at ^ 1n]);
    at >>= 1n;
    last >>= 1n;
  }
  return found;
}

/** Nodes whose hashes prove that a tree of `first` leaves grew into one of `second`. Throws MalformedError. */
export function consistencyNodes(first, second) {
  const size1 = BigInt(first), size2 = BigInt(second);
  if (!(0n < size1 && size1 <= size2 && size2 <= MAX_SIZE)) {
    throw new MalformedError(`no tree of ${first} leaves grows into one of ${second}`);
  }
  if (size1 === size2) return [];
  let height = 0;
  while (!((size1 >> BigInt(height)) & 1n)) height += 1;
  const index = (size1 - 1n) >> BigInt(height);
  return [...(index ? [[height, index]] : []), ...siblings(index, size2, height)];
}

/** Root that an inclusion proof leads to (RFC 9162 2.1.3.2). Throws MalformedError, ProofMismatchError. */
export function climb(index, size, leaf, proof) {
  requireLeaf(index, size);
  const path = siblings(index, size);
  requireHashes(proof, path.length);
  if (leaf.length !== HASH_SIZE) throw new MalformedError(`a leaf hash has ${HASH_SIZE} bytes, not ${leaf.length}`);
  return path.reduce(
    (reached, [, beside], i) => (beside & 1n ? nodeHash(reached, proof[i]) : nodeHash(proof[i], reached)), leaf,
  );
}

/** Check that `leaf` (a leaf hash) is leaf `index` of the tree with this size and root. */
export function verifyInclusion(index, size, leaf, proof, rootHash) {
  const reached = climb(index, size, leaf, proof);
  if (!equalBytes(reached, rootHash)) {
    throw new ProofMismatchError("the inclusion proof leads to another root", rootHash, reached);
  }
}

/** Check that the tree (size2, root2) begins with the tree (size1, root1) (RFC 9162 2.1.4.2). */
export function verifyConsistency(size1, size2, root1, root2, proof) {
  const nodes = consistencyNodes(size1, size2);
  requireHashes(proof, nodes.length);
  const steps = nodes.map(([, beside], i) => [beside, proof[i]]);
  const isWhole = (BigInt(size1) & (BigInt(size1) - 1n)) === 0n;
  let old = steps.length && !isWhole ? steps.shift()[1] : root1, later = old;
  for (const [beside, sibling] of steps) {
    if (beside & 1n) {
      later = nodeHash(later, sibling);
    } else {
      old = nodeHash(sibling, old);
      later = nodeHash(sibling, later);
    }
  }
  if (!equalBytes(old, root1)) {
    throw new ProofMismatchError("the proof does not rebuild the earlier root", root1, old);
  }
  if (!equalBytes(later, root2)) {
    throw new ProofMismatchError("the proof does not rebuild the later root", root2, later);
  }
}

/** Refuse (MalformedError) an index that no leaf of a tree of this size has. */
export function requireLeaf(index, size) {
  if (!(0n <= index && index < size && size <= MAX_SIZE)) {
    throw new MalformedError(`no leaf ${index} in a tree of ${size} leaves`);
  }
}

function requireHashes(proof, count) {
  if (proof.length > MAX_PROOF) {
    throw new OversizeError(`a proof has at most ${MAX_PROOF} hashes, not ${proof.length}`);
  }
  if (proof.some((item) => item.length !== HASH_SIZE)) {
    throw new MalformedError(`every hash of a proof has ${HASH_SIZE} bytes`);
  }
  if (proof.length !== count) throw new ProofMismatchError("the proof has the wrong length", count, proof.length);
}
