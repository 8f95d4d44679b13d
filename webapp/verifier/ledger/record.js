// A record: the log's unit, which commits to one statement and names its place in one stream.
// Its text is seven lines (docs/formats.md, Record); its hash the RFC 6962 leaf hash of that text.

import { sha256 } from "../crypto.js";
import { ChainMismatchError, IdentifierError, MalformedError } from "../errors.js";
import * as media from "../media.js";
import { concat, encodeAscii, equalBytes, lendAscii, quoted } from "../octets.js";
import { LineReader, encodeBase64, requireRange, requireSize } from "./lines.js";
import * as merkle from "./merkle.js";

export const TITLE = "food-traceability/record/v1";
/** The previous hash of a stream's first record. */
export const GENESIS = new Uint8Array(merkle.HASH_SIZE);
export const SALT_SIZE = 16;
export const MAX_STREAM = 512;
/** Bytes of a record's text, at most; half of it is the stream's URI. */
export const MAX_RECORD = 1024;
/** 9999-12-31T23:59:59.999Z in milliseconds since 1970. */
export const MAX_TIME_MS = 253_402_300_799_999;

const TIME = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{3})Z$/;
const STREAM = /^[!-~]{1,512}$/;

/** One record; only well-formed ones can be made. `seq` is a BigInt, `timeMs` a number. */
export class Record {
  constructor(stream, seq, prev, timeMs, mediaType, commitment) {
    requireStream(stream);
    requireRange("a sequence number", seq);
    requireSize("the previous record hash", prev, merkle.HASH_SIZE);
    requireRange("a time in ms", timeMs, 0, MAX_TIME_MS);
    requireSize("a commitment", commitment, merkle.HASH_SIZE);
    if (!media.RECORDED.has(mediaType)) {
      throw new MalformedError(`a record cannot commit to a statement of type ${quoted(mediaType)}`);
    }
    Object.assign(this, { stream, seq: BigInt(seq), prev, timeMs, mediaType, commitment });
    /** The record hash: SHA-256(0x00 || text). */
    this.hash = sha256(lendAscii(`\0${this.#lines()}`));
    Object.freeze(this);
  }

  /** The seven lines: the leaf data in the log. */
  text() {
    return encodeAscii(this.#lines());
  }

  #lines() {
    const { stream, seq, prev, timeMs, mediaType, commitment } = this;
    return `${TITLE}\n${stream}\n${seq}\n${encodeBase64(prev)}\n${formatTime(timeMs)}\n${mediaType}\n${encodeBase64(commitment)}\n`;
  }
}

/** The record in a leaf's data. Throws MalformedError. */
export function parseRecord(text) {
  const lines = new LineReader(text, TITLE, MAX_RECORD);
  const place = [lines.text(), lines.integer(), lines.data()];
  const record = new Record(...place, parseTime(lines.text()), lines.text(), lines.data());
  lines.end(record.text());
  return record;
}

/** Line 7: SHA-256(salt || SHA-256(statement)), a commitment that hides the statement. */
export function commit(statementSha256, salt) {
  requireSize("the hash of a statement", statementSha256, merkle.HASH_SIZE);
  requireSize("a salt", salt, SALT_SIZE);
  return sha256(concat(salt, statementSha256));
}

/**
 * Check that records follow one another in one stream, from number `startSeq` and hash `prev` on.
 * The stream's record count (BigInt) and head after them. Throws ChainMismatchError.
 */
export function checkChain(records, { startSeq = 0n, prev = GENESIS, stream }) {
  let seq = BigInt(startSeq), before = prev, timeMs = 0;
  for (const record of records) {
    const differs = (what, expected, got) => new ChainMismatchError(`${what} of record ${seq} of ${stream}`, expected, got);
    if (record.stream !== stream) throw differs("stream", stream, record.stream);
    if (record.seq !== seq) throw differs("number", seq, record.seq);
    if (!equalBytes(record.prev, before)) throw differs("previous hash", before, record.prev);
    if (record.timeMs < timeMs) {
      throw differs("time", `${formatTime(timeMs)} or later`, formatTime(record.timeMs));
    }
    [seq, before, timeMs] = [seq + 1n, record.hash, record.timeMs];
  }
  return [seq, before];
}

/** Refuse (IdentifierError) what cannot be a stream's URI. */
export function requireStream(uri) {
  if (!STREAM.test(uri)) {
    throw new IdentifierError(
      `a stream's URI has 1 to ${MAX_STREAM} printable ASCII characters and no spaces: ${quoted(uri)}`,
    );
  }
}

/** Milliseconds since 1970 UTC as `YYYY-MM-DDThh:mm:ss.sssZ`. Throws MalformedError. */
export function formatTime(timeMs) {
  requireRange("a time in ms", timeMs, 0, MAX_TIME_MS);
  return new Date(Number(timeMs)).toISOString();
}

/** Milliseconds since 1970 UTC of `YYYY-MM-DDThh:mm:ss.sssZ`, exactly. Throws MalformedError. */
export function parseTime(text) {
  if (!TIME.test(text)) throw new MalformedError(`a time is written YYYY-MM-DDThh:mm:ss.sssZ, not ${quoted(text)}`);
  const timeMs = Date.parse(text);
  // An engine may read 30 February or 24:00 as another day's time; what it read is written again to see.
  if (Number.isNaN(timeMs) || new Date(timeMs).toISOString() !== text) throw new MalformedError(`no such time: ${text}`);
  requireRange("a time in ms", timeMs, 0, MAX_TIME_MS);
  return timeMs;
}
