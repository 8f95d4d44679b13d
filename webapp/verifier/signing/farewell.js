// Farewells: a device has come to its end, and its owner says what it may still have on the way. A general JWS with
// one signature: by the owner's key.

import { StatementError } from "../errors.js";
import { deviceStream, readSeconds, requireClaims } from "./keystatement.js";

export const FAREWELL = "farewell";
/** The last counter of a device of which nothing is on the way any more, and nothing came. */
export const NOTHING = -1;

/** A parsed farewell; not genuine before the owner's signature is checked. `last` is a BigInt. */
export class Farewell {
  constructor(stream, subject, last, issuedAt, message) {
    Object.assign(this, { stream, subject, last, issuedAt, message });
    Object.freeze(this);
  }

  /** Check the one signature. Throws SignatureMismatchError. */
  verify(owner) {
    this.message.verify(0, owner);
  }
}

/** A farewell, once the JWS is read. */
export function readFarewell(message) {
  const claims = requireClaims(message, ["act", "device", "iat", "last", "sub"]);
  if (message.signatures.length !== 1) throw new StatementError("a farewell has one signature");
  const [stream, device] = deviceStream(claims);
  const iat = readSeconds(claims.get("iat"), "iat"), last = claims.get("last");
  if (typeof last !== "number" || last < NOTHING) throw new StatementError(`last is a counter, or ${NOTHING} for none`);
  return new Farewell(stream, device, BigInt(last), iat, message);
}
