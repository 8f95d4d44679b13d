// A word under a key that shows that who signed it has the key: a COSE_Sign1 of a type of its own. What it is about
// is its payload, and whoever asks says what that must be: so it proves nothing elsewhere.

import { SignatureMismatchError, StatementError } from "../errors.js";
import * as media from "../media.js";
import { equalBytes } from "../octets.js";
import * as cose from "./cose.js";

const LABELS = new Set([cose.ALG, cose.CONTENT_TYPE, cose.KID, cose.TYP]);

/**
 * Check that who has `key` said so about `about`.
 * Throws EncodingError, OversizeError, StatementError, SignatureMismatchError.
 */
export function checkPossession(proof, key, about) {
  const message = cose.parseSign1(proof);
  if (message.typ !== media.POSSESSION || message.contentType !== media.CBOR) {
    throw new StatementError(`${message.typ} proves no possession of a key`);
  }
  const labels = [...message.protected.keys()];
  if (labels.length !== LABELS.size || !labels.every((label) => LABELS.has(label))) {
    throw new StatementError("the protected header is not the closed set of a proof of possession");
  }
  if (!equalBytes(message.payload, about)) {
    throw new SignatureMismatchError("what a key was proven for", about, message.payload);
  }
  message.verify(key);
}
