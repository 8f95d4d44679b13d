// A proof that something is in the log, as one text that is checked offline (C2SP tlog-proof): a title,
// the leaf's index, the inclusion proof, a blank line, and the checkpoint as it was published.

import { MalformedError, OversizeError } from "../errors.js";
import { latin1, quoted } from "../octets.js";
import { decodeBase64, decodeInteger, requireRange, requireSize } from "./lines.js";
import * as merkle from "./merkle.js";
import * as note from "./note.js";

export const TITLE = "c2sp.org/tlog-proof@v1";
export const MAX_BYTES = note.MAX_NOTE + 16_384;

const EXTRA = "extra ", INDEX = "index ";

/** That a leaf stands in the log, and where (`index`, a BigInt). */
export class Proof {
  constructor(index, hashes, checkpoint) {
    requireRange("the index of a leaf", index);
    requireRange("the number of hashes in a proof", hashes.length, 0, merkle.MAX_PROOF);
    for (const item of hashes) requireSize("a hash of a proof", item, merkle.HASH_SIZE);
    Object.assign(this, { index: BigInt(index), hashes, checkpoint });
    Object.freeze(this);
  }
}

/** The proof in a text; nothing is verified yet. Throws OversizeError, MalformedError. */
export function parseProof(data) {
  if (data.length > MAX_BYTES) {
    throw new OversizeError(`a proof of ${data.length} bytes, at most ${MAX_BYTES} are read`);
  }
  const chars = latin1(data), blank = chars.indexOf("\n\n");
  const [title, ...lines] = chars.slice(0, blank < 0 ? undefined : blank).split("\n");
  if (blank < 0 || title !== TITLE) {
    throw new MalformedError(
      `a proof begins with ${quoted(TITLE)} and ends with a checkpoint, got ${quoted(title)}`,
    );
  }
  if (lines[0]?.startsWith(EXTRA)) decodeBase64(lines.shift().slice(EXTRA.length));
  if (!lines[0]?.startsWith(INDEX)) throw new MalformedError("the line with the leaf's index is missing");
  const index = decodeInteger(lines[0].slice(INDEX.length));
  return new Proof(index, Object.freeze(lines.slice(1).map(decodeBase64)), data.slice(blank + 2));
}

/** Check that a leaf stands where the proof says, in a log that one of these keys signed: the Checkpoint. */
export function verifyProof(proof, leaf, verifiers) {
  const signed = note.parseNote(proof.checkpoint);
  note.verify(signed, verifiers);
  const checkpoint = note.parseCheckpoint(signed.text);
  merkle.verifyInclusion(proof.index, checkpoint.size, leaf, proof.hashes, checkpoint.root);
  return checkpoint;
}
