// COSE_Sign1, in which devices speak (RFC 9052), read in this project's profile: the unprotected
// header is empty, the payload never detached, and a message has exactly one encoding.

import { OversizeError, SignatureMismatchError, StatementError } from "../errors.js";
import { concat, equalBytes } from "../octets.js";
import * as cbor from "./cbor.js";

/** Length of a whole message, unless the caller says otherwise. */
export const MAX_BYTES = 16384;

export const SIGN1_TAG = 18;

export const ED25519 = -19n;
export const EDDSA = -8n;

export const ALG = 1n;
export const CRIT = 2n;
export const CONTENT_TYPE = 3n;
export const KID = 4n;
export const CLAIMS = 15n;
export const TYP = 16n;

const KID_BYTES = 16;
/** How a Sig_structure of one signer begins. */
const SIGNATURE1 = concat(cbor.head(4, 4), cbor.encode("Signature1"));

/** The four parts of a message, with nothing decided about them yet; `proof` is the signature. */
export class Envelope {
  constructor(protectedBytes, unprotected, payload, proof) {
    Object.assign(this, { protected: protectedBytes, unprotected, payload, proof });
    Object.freeze(this);
  }
}

/** A signed statement in this project's profile; genuine only after `verify`. */
export class Sign1 {
  constructor(typ, contentType, kid, headers, rawProtected, payload, signature) {
    Object.assign(this, { typ, contentType, kid, protected: headers, rawProtected, payload, signature });
    Object.freeze(this);
  }

  /** Check that `key` signed this statement and is the key that it names. Throws SignatureMismatchError. */
  verify(key) {
    if (!equalBytes(this.kid, key.kid)) {
      throw new SignatureMismatchError("key id of the statement", key.kid, this.kid);
    }
    verifySign1(key, this.rawProtected, this.payload, this.signature);
  }
}

/** Read a tagged COSE_Sign1. Throws OversizeError, EncodingError, StatementError. */
export function parseSign1(data, maxBytes = MAX_BYTES, algorithms = new Set([ED25519])) {
  const envelope = parseEnvelope(data, SIGN1_TAG, maxBytes);
  const headers = profileHeaders(envelope);
  const alg = headers.get(ALG);
  if (typeof alg !== "bigint" || !algorithms.has(alg)) {
    throw new StatementError(`COSE algorithm ${alg ?? "None"} is not supported here`);
  }
  if (headers.has(CRIT)) throw new StatementError("critical headers are not supported here");
  const [typ, contentType, kid] = [TYP, CONTENT_TYPE, KID].map((label) => headers.get(label));
  if (typeof typ !== "string" || typeof contentType !== "string") {
    throw new StatementError("typ and content type are media types, as text");
  }
  if (!(kid instanceof Uint8Array) || kid.length !== KID_BYTES) throw new StatementError(`kid has ${KID_BYTES} bytes`);
  return new Sign1(typ, contentType, kid, headers, envelope.protected, envelope.payload, envelope.proof);
}

/** Check an Ed25519 signature over the Sig_structure of RFC 9052 4.4. Throws SignatureMismatchError. */
export function verifySign1(key, protectedBytes, payload, signature, externalAad = new Uint8Array(0)) {
  const parts = [protectedBytes, externalAad, payload].flatMap((part) => [cbor.head(2, part.length), part]);
  key.verify(concat(SIGNATURE1, ...parts), signature);
}

/** Split a tagged message into its parts, without this project's rules on headers. */
export function parseEnvelope(data, tag, maxBytes) {
  if (data.length > maxBytes) {
    throw new OversizeError(`a COSE message has ${data.length} bytes, more than ${maxBytes}`);
  }
  const prefix = cbor.head(6, tag);
  if (!equalBytes(data.subarray(0, prefix.length), prefix)) {
    throw new StatementError(`a COSE message here begins with tag ${tag}`);
  }
  const parts = cbor.decode(data.subarray(prefix.length));
  const forms = [isBytes, (part) => part instanceof Map, isBytes, isBytes];
  if (!Array.isArray(parts) || parts.length !== forms.length || !forms.every((isForm, i) => isForm(parts[i]))) {
    throw new StatementError("a COSE message is [protected, unprotected, payload, signature or tag]");
  }
  return new Envelope(...parts);
}

function profileHeaders(envelope) {
  if (envelope.unprotected.size) throw new StatementError("the unprotected header is not empty");
  const headers = cbor.decode(envelope.protected);
  if (!(headers instanceof Map) || ![...headers.keys()].every((label) => typeof label === "bigint")) {
    throw new StatementError("the protected header is not a map with integer labels");
  }
  return headers;
}

function isBytes(part) {
  return part instanceof Uint8Array;
}
