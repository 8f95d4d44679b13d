// Key statements: who holds which key, signed by that key and by whoever vouches for it. A general
// JWS with two signatures over one payload (docs/formats.md); its claims by `act`:
//
//   enrol    act, custody, iat, jwk, names {en, zh}, party, sub    the registrar vouches
//   enrol    act, device, iat, jwk, model, owner, sub              the owner's key vouches
//   rotate   act, custody, iat, jwk, party, sub                    the key that it replaces vouches

import { EncodingError, KeyRefusedError, StatementError } from "../errors.js";
import * as identifiers from "../identifiers.js";
import * as media from "../media.js";
import { countChars, equalBytes, quoted } from "../octets.js";
import * as jose from "./jose.js";
import { PublicKey } from "./keys.js";
import { Decimal } from "./strictjson.js";

export const ENROL = "enrol";
export const ROTATE = "rotate";
export const CUSTODIES = new Set(["node", "self"]);
export const MAX_TEXT = 200;

/** A parsed statement that brings a key in; not genuine before `verify` returned. */
export class KeyStatement {
  constructor(act, stream, subject, key, issuedAt, owner, names, custody, voucher, message) {
    Object.assign(this, { act, stream, subject, key, issuedAt, owner, names, custody, voucher, message });
    Object.freeze(this);
  }

  /** Check both signatures: the key's own, and that of `voucher`. Throws SignatureMismatchError. */
  verify(voucher) {
    this.message.verify(0, this.key);
    this.message.verify(1, voucher);
  }
}

/** Read a statement that brings a key in. */
export function parseKeyStatement(data) {
  return readKeyStatement(jose.jwsParseGeneral(data, media.KEY));
}

/** As `parseKeyStatement`, once the JWS is read. */
export function readKeyStatement(message) {
  const act = message.payload.get("act");
  if (act === ROTATE) return rotate(message);
  if (act !== ENROL) {
    throw new StatementError(`act is ${quoted(act)}; a statement that brings a key in is ${ENROL} or ${ROTATE}`);
  }
  return message.payload.has("device") ? device(message) : party(message);
}

function device(message) {
  const claims = requireClaims(message, ["act", "device", "iat", "jwk", "model", "owner", "sub"]);
  const [key, voucher] = signers(message);
  const stream = identifiers.parseStream(asText(claims.get("sub")));
  if (stream.uri !== identifiers.deviceKeys(stream.host, key.deviceId)) {
    throw new StatementError("sub is not the key stream of this device's own key");
  }
  const subject = asText(claims.get("device")), owner = asText(claims.get("owner"));
  if (subject !== identifiers.deviceUri(stream.host, key.deviceId)) {
    throw new StatementError("device is not the URI of this device's own key");
  }
  identifiers.parseParty(owner);
  const names = new Map([["en", readText(claims.get("model"), "model")]]);
  const iat = readSeconds(claims.get("iat"), "iat");
  return new KeyStatement(ENROL, stream.uri, subject, key, iat, owner, names, null, voucher, message);
}

function party(message) {
  const claims = requireClaims(message, ["act", "custody", "iat", "jwk", "names", "party", "sub"]);
  const names = claims.get("names");
  if (!jose.hasExactly(names, ["en", "zh"])) throw new StatementError("names has en and zh");
  return ofParty(message, new Map([...names].map(([language, name]) => [language, readText(name, "a name")])));
}

function rotate(message) {
  requireClaims(message, ["act", "custody", "iat", "jwk", "party", "sub"]);
  return ofParty(message, new Map());
}

function ofParty(message, names) {
  const claims = message.payload;
  const [key, voucher] = signers(message);
  const [stream, subject] = partyStream(claims);
  const custody = claims.get("custody");
  if (!CUSTODIES.has(custody)) throw new StatementError(`custody is ${quoted(custody)}; it is node or self`);
  const iat = readSeconds(claims.get("iat"), "iat");
  return new KeyStatement(claims.get("act"), stream, subject, key, iat, null, names, custody, voucher, message);
}

/** The key that is brought in, and the kid of who vouches for it if that is there already. */
function signers(message) {
  const key = readKey(message.payload.get("jwk"));
  if (message.signatures.length > 2) throw new StatementError("a key statement has two signatures");
  if (!equalBytes(message.kids[0], key.kid)) throw new StatementError("the first signature is by the key itself");
  return [key, message.kids[1] ?? null];
}

/** URI of the key stream, and of the party whose stream it is. */
export function partyStream(claims) {
  const stream = identifiers.parseStream(asText(claims.get("sub"))), subject = asText(claims.get("party"));
  if (stream.uri !== identifiers.partyKeys(stream.host, subject)) {
    throw new StatementError("sub is not the key stream of this party");
  }
  return [stream.uri, subject];
}

/** URI of the key stream, and of the device whose stream it is. */
export function deviceStream(claims) {
  const stream = identifiers.parseStream(asText(claims.get("sub"))), subject = asText(claims.get("device"));
  const isDevice = stream.kind === identifiers.Kind.DEVICE_KEYS;
  if (!isDevice || subject !== identifiers.deviceUri(stream.host, stream.values[0])) {
    throw new StatementError("sub is not the key stream of this device");
  }
  return [stream.uri, subject];
}

/** The claims, if they are exactly those that are wanted. */
export function requireClaims(message, wanted) {
  if (!jose.hasExactly(message.payload, wanted)) {
    throw new StatementError(`a key statement of this kind has exactly ${[...wanted].sort().join(", ")}`);
  }
  return message.payload;
}

/** Unix seconds, 0 or more. */
export function readSeconds(value, what) {
  if (typeof value !== "number" || value < 0) {
    throw new StatementError(`${what} is a whole number of seconds since 1970`);
  }
  return value;
}

/** A text for people, not empty and not long. */
export function readText(value, what) {
  if (typeof value !== "string" || !value || countChars(value) > MAX_TEXT) {
    throw new StatementError(`${what} is a text of 1 to ${MAX_TEXT} characters`);
  }
  return value;
}

/** A claim as Python's `str` gives it: what is no text is refused by what reads it, with its reason. */
export function asText(value) {
  if (typeof value === "string") return value;
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "number" || value instanceof Decimal ? String(value) : "{}";
}

function readKey(jwk) {
  if (!jose.hasExactly(jwk, ["crv", "kty", "x"])) throw new StatementError("jwk has exactly crv, kty and x");
  const x = jwk.get("x");
  if (jwk.get("kty") !== "OKP" || jwk.get("crv") !== "Ed25519" || typeof x !== "string") {
    throw new StatementError("jwk is an Ed25519 key (RFC 8037)");
  }
  return new PublicKey(decodeKey(x));
}

function decodeKey(x) {
  try {
    return jose.b64urlDecode(x);
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    throw new KeyRefusedError("Ed25519 public key", "canonical base64url", x);
  }
}
