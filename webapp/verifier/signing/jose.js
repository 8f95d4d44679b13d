// JOSE as this project uses it: one protected header, and JWS in general JSON serialization, in the
// one text form that the Python module of this name writes (RFC 7515, RFC 9864).

import { EncodingError, SignatureMismatchError, StatementError } from "../errors.js";
import { joseTyp } from "../media.js";
import { encodeAscii, equalBytes, quoted, toHex } from "../octets.js";
import { b64url, b64urlDecode, jsonDecode, jsonEncode } from "./strictjson.js";

export { b64url, b64urlDecode, jsonDecode, jsonEncode };

export const ALGORITHM = "Ed25519";
export const MAX_JWS_BYTES = 16_384;
export const MAX_SIGNATURES = 8;

const SIGNATURE_BYTES = 64;
const KID_BYTES = 16;

/** A protected header: `alg`, `kid` (16 bytes), `typ` (the whole media type), and no other member. */
export class Header {
  constructor(kid, typ) {
    Object.assign(this, { kid, typ });
    Object.freeze(this);
  }

  /** The base64url text that is signed. */
  encode() {
    return b64url(jsonEncode(new Map([["alg", ALGORITHM], ["kid", b64url(this.kid)], ["typ", joseTyp(this.typ)]])));
  }

  /** Reads a header; with `typ` (a media type) any other type is refused. */
  static parse(text, typ = null) {
    const members = jsonDecode(b64urlDecode(text));
    if (!hasExactly(members, ["alg", "kid", "typ"])) {
      throw new StatementError("a protected header has exactly alg, kid and typ");
    }
    const kid = members.get("kid"), name = members.get("typ");
    if (members.get("alg") !== ALGORITHM) {
      throw new StatementError(`alg is ${quoted(members.get("alg"))}, only ${ALGORITHM} is read`);
    }
    if (typeof kid !== "string" || typeof name !== "string" || name.includes("/")) {
      throw new StatementError("kid is a text, and typ a media type without its application/");
    }
    if (typ !== null && name !== joseTyp(typ)) {
      throw new StatementError(`typ is ${quoted(name)}, expected ${quoted(joseTyp(typ))}`);
    }
    const raw = b64urlDecode(kid);
    if (raw.length !== KID_BYTES) throw new StatementError(`kid has ${raw.length} bytes, expected ${KID_BYTES}`);
    return new Header(raw, `application/${name}`);
  }
}

/** One signature: who claims to have made it, over which bytes. */
export class Signature {
  constructor(header, signingInput, signature) {
    Object.assign(this, { header, signingInput, signature });
    Object.freeze(this);
  }

  /** Throws SignatureMismatchError unless `key` is the one named and signed these bytes. */
  verify(key) {
    if (!equalBytes(key.kid, this.header.kid)) {
      throw new SignatureMismatchError("another key is named", this.header.kid, key.kid);
    }
    key.verify(this.signingInput, this.signature);
  }
}

/** Puts together what is to be verified; errors as `Header.parse`, and a wrong length. */
export function parseSignature(protectedText, payload, signature, typ) {
  const header = Header.parse(protectedText, typ);
  const raw = b64urlDecode(signature);
  if (raw.length !== SIGNATURE_BYTES) {
    throw new StatementError(`a signature of ${raw.length} bytes, expected ${SIGNATURE_BYTES}`);
  }
  return new Signature(header, encodeAscii(`${protectedText}.${payload}`), raw);
}

/** A parsed statement with one or more signatures; nothing is verified yet. */
export class JwsGeneral {
  constructor(payload, signatures) {
    Object.assign(this, { payload, signatures });
    Object.freeze(this);
  }

  get kids() {
    return this.signatures.map((signature) => signature.header.kid);
  }

  /** Checks the signature at `index`, from 0. Throws SignatureMismatchError. */
  verify(index, key) {
    const signature = this.signatures[index];
    if (signature === undefined) {
      throw new SignatureMismatchError(
        "a signature is missing", `number ${index}`, `${this.signatures.length} in all`,
      );
    }
    signature.verify(key);
  }
}

/** Reads the one text form of a general JWS. Throws OversizeError, EncodingError, StatementError. */
export function jwsParseGeneral(data, typ, maxBytes = MAX_JWS_BYTES) {
  const outer = jsonDecode(data, undefined, maxBytes);
  if (!hasExactly(outer, ["payload", "signatures"])) {
    throw new StatementError("a general JWS has exactly payload and signatures");
  }
  const text = outer.get("payload"), parts = outer.get("signatures");
  if (typeof text !== "string" || !Array.isArray(parts)) {
    throw new StatementError("payload is a text and signatures a list");
  }
  const payload = jsonDecode(b64urlDecode(text), undefined, maxBytes);
  if (!(payload instanceof Map)) throw new StatementError("the payload is a JSON object");
  const signatures = parts.map((part) => parsePart(part, text, typ));
  if (!equalBytes(renderGeneral(b64url(jsonEncode(payload)), signatures), data)) {
    throw new EncodingError("not the canonical text of this statement");
  }
  return new JwsGeneral(payload, Object.freeze(signatures));
}

/** Whether a JSON value is an object with these members and no others. */
export function hasExactly(value, names) {
  return value instanceof Map && value.size === names.length && names.every((name) => value.has(name));
}

function parsePart(part, payload, typ) {
  if (!hasExactly(part, ["protected", "signature"])) {
    throw new StatementError("a signature has exactly protected and signature");
  }
  const [protectedText, signature] = [part.get("protected"), part.get("signature")];
  if (typeof protectedText !== "string" || typeof signature !== "string") {
    throw new StatementError("protected and signature are texts");
  }
  return parseSignature(protectedText, payload, signature, typ);
}

function renderGeneral(payload, signatures) {
  if (!signatures.length || signatures.length > MAX_SIGNATURES) {
    throw new StatementError(`${signatures.length} signatures, from 1 to ${MAX_SIGNATURES} are allowed`);
  }
  if (new Set(signatures.map(({ header }) => toHex(header.kid))).size !== signatures.length) {
    throw new StatementError("a key signs a statement once");
  }
  const parts = signatures.map(
    ({ header, signature }) => new Map([["protected", header.encode()], ["signature", b64url(signature)]]),
  );
  return jsonEncode(new Map([["payload", payload], ["signatures", parts]]));
}
