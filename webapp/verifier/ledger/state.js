// State: how many records every stream has and its head, in one tree under one root. Streams fall into
// 65,536 buckets by the first 16 bits of SHA-256(stream); both levels are RFC 6962 trees.

import { sha256 } from "../crypto.js";
import { concat, encodeUtf8 } from "../octets.js";
import { LineReader, encodeBase64, encodeLines, requireRange, requireSize } from "./lines.js";
import * as merkle from "./merkle.js";
import { MAX_TIME_MS, formatTime, parseTime } from "./record.js";

export const TITLE = "food-traceability/state/v1";
export const BUCKET_BITS = 16;
export const BUCKETS = 1 << BUCKET_BITS;
/** Bytes of a state leaf's text, at most. */
export const MAX_STATE_LEAF = 256;

const STREAM_TITLE = encodeUtf8("food-traceability/stream/v1\n");

/** The last leaf of a published checkpoint; `index` and `streams` are BigInt, `timeMs` a number. */
export class StateLeaf {
  constructor(index, streams, root, timeMs) {
    requireRange("a leaf's index", index);
    requireRange("the number of streams", streams);
    requireSize("a state root", root, merkle.HASH_SIZE);
    requireRange("a time in ms", timeMs, 0, MAX_TIME_MS);
    Object.assign(this, { index: BigInt(index), streams: BigInt(streams), root, timeMs });
    Object.freeze(this);
  }

  /** The five lines: the leaf data in the log. */
  text() {
    return encodeLines(TITLE, this.index, this.streams, encodeBase64(this.root), formatTime(this.timeMs));
  }

  /** RFC 6962 leaf hash of the text. */
  get hash() {
    return merkle.leafHash(this.text());
  }
}

/** The state leaf in a leaf's data. Throws MalformedError. */
export function parseStateLeaf(text) {
  const lines = new LineReader(text, TITLE, MAX_STATE_LEAF);
  const leaf = new StateLeaf(lines.integer(), lines.integer(), lines.data(), parseTime(lines.text()));
  lines.end(leaf.text());
  return leaf;
}

/** Proof that a stream is in the state with this record count and head. */
export class Presence {
  constructor(count, head, index, bucketSize, bucketProof, topProof) {
    Object.assign(this, { count, head, index, bucketSize, bucketProof, topProof });
    Object.freeze(this);
  }
}

/** The name of a stream in the state tree: SHA-256 of its URI, 32 bytes. */
export function streamHash(uri) {
  return sha256(encodeUtf8(uri));
}

/** Leaf hash of a stream in its bucket. Throws MalformedError. */
export function streamLeaf(name, count, head) {
  requireSize("the hash of a stream's URI", name, merkle.HASH_SIZE);
  requireRange("a record count", count, 1);
  requireSize("the head of a stream", head, merkle.HASH_SIZE);
  const size = new DataView(new ArrayBuffer(8));
  size.setBigUint64(0, BigInt(count));
  return merkle.leafHash(concat(STREAM_TITLE, name, new Uint8Array(size.buffer), head));
}

/** Check that the state with this root holds the stream as `presence` says. */
export function verifyPresence(root, name, presence) {
  const leaf = streamLeaf(name, presence.count, presence.head);
  const bucketRoot = merkle.climb(presence.index, presence.bucketSize, leaf, presence.bucketProof);
  merkle.verifyInclusion(bucketNumber(name), BUCKETS, merkle.leafHash(bucketRoot), presence.topProof, root);
}

/** The bucket of a stream: the first 16 bits of its hash, big-endian. */
export function bucketNumber(name) {
  return (name[0] << 8) | name[1];
}
