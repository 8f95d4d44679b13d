// What a device signs: frames of readings, and gaps where it had to drop some (docs/formats.md).
// Integers of a header are BigInt: counters go up to 2^64.

import { sha256 } from "../crypto.js";
import { ReadingsError, StatementError } from "../errors.js";
import * as media from "../media.js";
import * as cbor from "../signing/cbor.js";
import * as cose from "../signing/cose.js";
import { ABSOLUTE_FROM_S, YEAR_10000_S, parsePack } from "./senml.js";

/** What set the device's clock. */
export const Clock = Object.freeze({ UNSYNCHRONISED: 0, RTC: 1, NETWORK: 2, GNSS: 3 });

const U32 = 2n ** 32n, U64 = 2n ** 64n;
const [COUNTER, BOOT, PREV, UPTIME, CLOCK, BEACON] = [-65537n, -65538n, -65539n, -65540n, -65541n, -65542n];
const ISS = 1n, SUB = 2n, IAT = 6n;
const REQUIRED = new Set([
  cose.ALG, cose.CONTENT_TYPE, cose.KID, cose.CLAIMS, cose.TYP, COUNTER, BOOT, PREV, UPTIME, CLOCK,
]);
const ISSUER_FORM = /^https:\/\/[a-z0-9.-]{1,253}(?::[0-9]{1,5})?\/device\/[0-9a-f]{32}$/;
const STREAM_FORM = /^https:\/\/[!-~]{1,504}$/;
const REASON_FORM = /^(?:corrupt|flash-full|flash-worn|receipted)$/;

/** A device's statement as parsed; none of it is genuine before `verify` returns. */
export class DeviceStatement {
  #readings = null;

  constructor(members) {
    Object.assign(this, members);
    Object.freeze(this);
  }

  /** Check that `key` is the one named and that it signed the message. Throws SignatureMismatchError. */
  verify(key) {
    this.envelope.verify(key);
  }

  /** What a frame measured, parsed once; times are uptimes when the clock is unsynchronised. */
  readings() {
    if (this.#readings !== null) return this.#readings;
    if (this.mediaType !== media.FRAME) throw new StatementError(`${this.mediaType} holds no readings`);
    const absolute = this.clock !== Clock.UNSYNCHRONISED;
    const readings = parsePack(this.payload, `${this.issuer}/`, absolute);
    if (!absolute && readings.some(({ atMs }) => atMs >= (Number(this.uptimeS) + 1) * 1000)) {
      throw new ReadingsError(`a reading is later than the statement's uptime of ${this.uptimeS} s`);
    }
    this.#readings = Object.freeze(readings);
    return this.#readings;
  }

  /** What a gap statement declares dropped, ascending: {first, last, reason}. */
  gaps() {
    if (this.mediaType !== media.GAP) throw new StatementError(`${this.mediaType} declares no gaps`);
    return readGaps(cbor.decode(this.payload), this.counter);
  }
}

/** A device's statement: the header checked in full, payload and signature not yet; `digest` is its SHA-256, if known. */
export function parseStatement(data, digest = sha256(data)) {
  const envelope = cose.parseSign1(data);
  if (!media.DEVICE_STATEMENTS.has(envelope.typ)) throw new StatementError(`${envelope.typ} is not a device statement`);
  const expected = envelope.typ === media.FRAME ? media.SENML_CBOR : media.CBOR;
  if (envelope.contentType !== expected) {
    throw new StatementError(`content type ${envelope.contentType} instead of ${expected}`);
  }
  const labels = [...envelope.protected.keys()].filter((label) => label !== BEACON);
  if (!isExactly(labels, REQUIRED)) {
    throw new StatementError("the protected header is not the closed set of a device statement");
  }
  const head = readHead(envelope.protected);
  return new DeviceStatement({
    ...head,
    mediaType: envelope.typ,
    device: head.issuer.slice(-32),
    kid: envelope.kid,
    payload: envelope.payload,
    sha256: digest,
    message: data,
    envelope,
  });
}

function readHead(headers) {
  const clock = Number(readUint(headers.get(CLOCK), 4n, "the clock state"));
  const claims = headers.get(cose.CLAIMS);
  const expected = new Set(clock === Clock.UNSYNCHRONISED ? [ISS, SUB] : [ISS, SUB, IAT]);
  if (!(claims instanceof Map) || !isExactly([...claims.keys()], expected)) {
    throw new StatementError("the claims are iss, sub and, exactly when the clock is synchronised, iat");
  }
  return {
    clock,
    issuedAt: claims.has(IAT) ? readIssued(claims.get(IAT)) : null,
    issuer: readText(claims.get(ISS), ISSUER_FORM, "iss"),
    stream: readText(claims.get(SUB), STREAM_FORM, "sub"),
    counter: readUint(headers.get(COUNTER), U64, "the counter"),
    boot: readUint(headers.get(BOOT), U32, "the boot number"),
    prev: readDigest(headers.get(PREV), "prev"),
    uptimeS: readUint(headers.get(UPTIME), U32, "the uptime"),
    beacon: headers.has(BEACON) ? readDigest(headers.get(BEACON), "the beacon") : null,
  };
}

function readIssued(value) {
  const issuedAt = readUint(value, BigInt(YEAR_10000_S), "iat");
  if (issuedAt < BigInt(ABSOLUTE_FROM_S)) throw new StatementError(`iat ${issuedAt} is older than any device`);
  return issuedAt;
}

function readGaps(rows, counter) {
  if (!Array.isArray(rows) || !rows.length) throw new StatementError("a gap statement holds at least one gap");
  const gaps = [];
  for (const row of rows) {
    if (!Array.isArray(row) || row.length !== 3) throw new StatementError("a gap is [first, last, reason]");
    const last = readUint(row[1], counter, "a gap's last counter");
    const first = readUint(row[0], last + 1n, "a gap's first counter");
    const reason = readText(row[2], REASON_FORM, "a gap's reason");
    const before = gaps.at(-1);
    if (before && first <= before.last) throw new StatementError("gaps must be ascending and disjoint");
    if (before && first === before.last + 1n && reason === before.reason) {
      throw new StatementError("gaps that touch and have one reason are one gap");
    }
    gaps.push(Object.freeze({ first, last, reason }));
  }
  return gaps;
}

function isExactly(labels, wanted) {
  return labels.length === wanted.size && labels.every((label) => wanted.has(label));
}

function readUint(value, below, what) {
  if (typeof value !== "bigint" || value < 0n || value >= below) {
    throw new StatementError(`${what} must be an unsigned integer below ${below}`);
  }
  return value;
}

function readDigest(value, what) {
  if (!(value instanceof Uint8Array) || value.length !== 32) throw new StatementError(`${what} must be 32 bytes`);
  return value;
}

function readText(value, form, what) {
  if (typeof value !== "string" || !form.test(value)) throw new StatementError(`${what} must match ${form.source}`);
  return value;
}
