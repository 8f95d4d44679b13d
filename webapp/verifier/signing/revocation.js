// Revocations, and the one table of what may stand on a key stream. A general JWS with one signature:
// by the registrar, or by the key that it ends; of a device's key by its owner's.

import { StatementError } from "../errors.js";
import * as media from "../media.js";
import { quoted } from "../octets.js";
import { FAREWELL, readFarewell } from "./farewell.js";
import * as jose from "./jose.js";
import {
  ENROL, ROTATE, asText, deviceStream, partyStream, readKeyStatement, readSeconds, readText, requireClaims,
} from "./keystatement.js";

export const REVOKE = "revoke";
export const KID_BYTES = 16;

/** A parsed revocation; not genuine before `verify` returned. `suspectedS` is null without suspicion. */
export class Revocation {
  constructor(stream, subject, kid, issuedAt, suspectedS, reason, revoker, message) {
    Object.assign(this, { stream, subject, kid, issuedAt, suspectedS, reason, revoker, message });
    Object.freeze(this);
  }

  /** Check the one signature. Throws SignatureMismatchError. */
  verify(revoker) {
    this.message.verify(0, revoker);
  }
}

/** Read a statement of a key stream: a KeyStatement, a Revocation or a Farewell. */
export function parseKeyAct(data) {
  const message = jose.jwsParseGeneral(data, media.KEY);
  const act = message.payload.get("act");
  if (!ACTS.has(act)) throw new StatementError(`act is ${quoted(act)}; it is one of ${[...ACTS.keys()].join(", ")}`);
  return ACTS.get(act)(message);
}

function readRevocation(message) {
  const ofDevice = message.payload.has("device"), whose = ofDevice ? "device" : "party";
  const claims = requireClaims(message, ["act", "iat", "kid", whose, "reason", "sub", "suspected"]);
  if (message.signatures.length !== 1) throw new StatementError("a revocation has one signature");
  const [stream, subject] = ofDevice ? deviceStream(claims) : partyStream(claims);
  const iat = readSeconds(claims.get("iat"), "iat"), suspected = claims.get("suspected");
  const suspectedS = suspected === null ? null : readSeconds(suspected, "suspected");
  if (suspectedS !== null && suspectedS > iat) {
    throw new StatementError("suspected is later than iat: misuse is suspected since a time in the past");
  }
  const kid = jose.b64urlDecode(asText(claims.get("kid")));
  if (kid.length !== KID_BYTES) throw new StatementError(`kid has ${kid.length} bytes, expected ${KID_BYTES}`);
  const reason = readText(claims.get("reason"), "reason");
  return new Revocation(stream, subject, kid, iat, suspectedS, reason, message.kids[0], message);
}

/** A new act is a new row. */
const ACTS = new Map([
  [ENROL, readKeyStatement],
  [ROTATE, readKeyStatement],
  [REVOKE, readRevocation],
  [FAREWELL, readFarewell],
]);
