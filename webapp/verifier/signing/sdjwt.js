// Signed statements whose parts can be shown or withheld one by one: SD-JWT (RFC 9901).
//
// A statement is the issuer-signed JWT followed by exactly one `~`, in ASCII; disclosures travel
// apart. `iss` and `iat` stand in plain; `_sd_alg` is always there and always `sha-256`.

import { OversizeError, StatementError } from "../errors.js";
import { isAscii, latin1 } from "../octets.js";
import { Revealed, digestOf, paths, requireHash, reveal } from "./digests.js";
import { parseSignature } from "./jose.js";
import { MAX_BYTES, b64urlDecode, jsonDecode } from "./strictjson.js";

export { Revealed, digestOf, paths, reveal };

const JWT_PARTS = 3;
const TILDE = 0x7e;

/** A parsed statement; nothing is verified yet. `iat` is in seconds since 1970, UTC. */
export class SdJwt {
  constructor(payload, iss, iat, signature) {
    Object.assign(this, { payload, iss, iat, signature });
    Object.freeze(this);
  }

  get kid() {
    return this.signature.header.kid;
  }

  /** The whole media type. */
  get typ() {
    return this.signature.header.typ;
  }

  /** Throws SignatureMismatchError unless `key` is the one named and signed these bytes. */
  verify(key) {
    this.signature.verify(key);
  }
}

/** Reads a statement; with `typ` (a media type) any other type is refused. */
export function parse(statement, typ = null, maxBytes = MAX_BYTES) {
  if (statement.length > maxBytes) {
    throw new OversizeError(`a statement of ${statement.length} bytes, at most ${maxBytes} are read`);
  }
  if (!isAscii(statement) || statement.indexOf(TILDE) !== statement.length - 1 || !statement.length) {
    throw new StatementError("a statement is ASCII and ends with its only '~'");
  }
  const parts = latin1(statement.subarray(0, -1)).split(".");
  if (parts.length !== JWT_PARTS) throw new StatementError(`a JWT has three parts, this has ${parts.length}`);
  const signature = parseSignature(...parts, typ);
  const payload = jsonDecode(b64urlDecode(parts[1]), undefined, maxBytes);
  if (!(payload instanceof Map)) throw new StatementError("the payload is a JSON object");
  requireHash(payload);
  const iss = payload.get("iss"), iat = payload.get("iat");
  if (typeof iss !== "string" || typeof iat !== "number") {
    throw new StatementError("iss (a text) and iat (whole seconds) stand in plain in every statement");
  }
  return new SdJwt(payload, iss, iat, signature);
}
