// Signed notes and checkpoints: a text, a blank line, and one line for each signature.
// Source: C2SP signed-note, tlog-checkpoint, tlog-cosignature.

import { sha256 } from "../crypto.js";
import { MalformedError, OversizeError, SignatureMismatchError } from "../errors.js";
import { concat, decodeUtf8, encodeUtf8, latin1, quoted, toHex } from "../octets.js";
import { PublicKey } from "../signing/keys.js";
import { decodeBase64, decodeInteger, encodeBase64, requireRange, requireSize } from "./lines.js";
import { HASH_SIZE } from "./merkle.js";

export const MAX_NOTE = 65_536;
export const MAX_SIGNATURES = 64;
export const KEY_ID_SIZE = 4;
export const TIME_SIZE = 8;
export const ED25519 = 0x01;
export const COSIGNATURE_V1 = 0x04;

const DASH = "\u2014 ";
const CONTROL = /[\0-\x1f]/;
const CONTROL_IN_TEXT = /[\0-\x09\x0b-\x1f]/;
/** What Python's `str.isspace` takes for white space, control characters aside. */
const NOT_IN_NAME = /[+\0-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** By the type's byte: whether the signature begins with a time, and what the key signs. */
export const SIGNATURE_TYPES = new Map([
  [ED25519, { timed: false, message: (text) => text }],
  [COSIGNATURE_V1, { timed: true, message: (text, s) => concat(encodeUtf8(`cosignature/v1\ntime ${s}\n`), text) }],
]);

/** A signature line: whose it claims to be, and `value` after the 4-byte key id. */
export class Signature {
  constructor(name, keyId, value) {
    requireName(name);
    requireSize("a key id", keyId, KEY_ID_SIZE);
    if (!value.length) throw new MalformedError("a signature line without a signature");
    Object.assign(this, { name, keyId, value });
    Object.freeze(this);
  }
}

/** A text and its signatures, none of them checked yet. */
export class Note {
  constructor(text, signatures) {
    requireText(text);
    requireRange("the number of signatures", signatures.length, 1, MAX_SIGNATURES);
    Object.assign(this, { text, signatures });
    Object.freeze(this);
  }
}

/** A public key under a name, for one type (byte) of signature; its text form is the vkey. */
export class VerifierKey {
  constructor(name, kind, key) {
    requireName(name);
    signatureType(kind);
    Object.assign(this, { name, kind, key });
    /** SHA-256(name || 0x0A || type || public key), the first 4 bytes. */
    this.keyId = sha256(concat(encodeUtf8(name), Uint8Array.of(0x0a, kind), key.raw)).subarray(0, KEY_ID_SIZE);
    Object.freeze(this);
  }

  /** `name+key id in hex+base64(type || public key)`. */
  vkey() {
    return `${this.name}+${toHex(this.keyId)}+${encodeBase64(concat(Uint8Array.of(this.kind), this.key.raw))}`;
  }
}

/** A signature that was checked: by which key, and for timed types when (BigInt, seconds since 1970). */
export class Verified {
  constructor(by, timeS) {
    Object.assign(this, { by, timeS });
    Object.freeze(this);
  }
}

/** A log's promise: the root of its tree at one size (BigInt). */
export class Checkpoint {
  constructor(origin, size, root, extensions = []) {
    requireRange("a tree's size", size);
    requireSize("a root", root, HASH_SIZE);
    for (const line of [origin, ...extensions]) {
      if (!line || CONTROL.test(line)) throw new MalformedError(`not a line of a checkpoint: ${quoted(line)}`);
    }
    Object.assign(this, { origin, size: BigInt(size), root, extensions: Object.freeze([...extensions]) });
    Object.freeze(this);
  }

  /** The lines that are signed. */
  text() {
    const lines = [this.origin, String(this.size), encodeBase64(this.root), ...this.extensions];
    return encodeUtf8(lines.map((line) => `${line}\n`).join(""));
  }
}

/** The checkpoint in a note's text. Throws MalformedError. */
export function parseCheckpoint(text) {
  const [origin, ...rest] = requireText(text).slice(0, -1).split("\n");
  if (rest.length < 2) throw new MalformedError("a checkpoint has at least three lines");
  return new Checkpoint(origin, decodeInteger(rest[0]), decodeBase64(rest[1]), rest.slice(2));
}

/** The text and signatures of a note. Throws OversizeError, MalformedError. */
export function parseNote(data) {
  if (data.length > MAX_NOTE) throw new OversizeError(`a note has at most ${MAX_NOTE} bytes, not ${data.length}`);
  const chars = latin1(data), blank = chars.lastIndexOf("\n\n");
  if (blank < 0 || blank + 2 === chars.length || !chars.endsWith("\n")) {
    throw new MalformedError("a note is a text, a blank line, and signature lines");
  }
  const signatures = [];
  for (let start = blank + 2; start < data.length;) {
    const end = chars.indexOf("\n", start) + 1;
    signatures.push(parseSignature(data.subarray(start, end)));
    start = end;
  }
  return new Note(data.slice(0, blank + 1), Object.freeze(signatures));
}

/** The signature in one line of a note, newline included: `— name base64`. Throws MalformedError. */
export function parseSignature(line) {
  const text = requireText(line);
  const fields = (text.startsWith(DASH) ? text.slice(DASH.length, -1) : text.slice(0, -1)).split(" ");
  if (fields.length !== 2 || !text.startsWith(DASH)) {
    throw new MalformedError(`not a signature line: ${quoted(text)}`);
  }
  const data = decodeBase64(fields[1]);
  return new Signature(fields[0], data.subarray(0, KEY_ID_SIZE), data.subarray(KEY_ID_SIZE));
}

/** The key in a vkey. Throws MalformedError, KeyRefusedError. */
export function parseVkey(text) {
  const [name, id, ...rest] = text.split("+");
  if (!rest.length) throw new MalformedError(`a vkey is name+id+key, not ${quoted(text)}`);
  const data = decodeBase64(rest.join("+"));
  const kind = data[0] ?? 0;
  signatureType(kind);
  const verifier = new VerifierKey(name, kind, new PublicKey(data.subarray(1)));
  if (id !== toHex(verifier.keyId)) {
    throw new MalformedError(`the vkey's id must be ${toHex(verifier.keyId)}, not ${quoted(id)}`);
  }
  return verifier;
}

/** Check every signature that a known key made; those of unknown keys are ignored. At least one must be there. */
export function verify(note, verifiers) {
  const known = new Map([...verifiers].map((verifier) => [nameAndId(verifier), verifier]));
  const verified = [];
  for (const signature of note.signatures) {
    const verifier = known.get(nameAndId(signature));
    if (verifier) verified.push(new Verified(verifier, check(note.text, verifier, signature.value)));
  }
  if (!verified.length) {
    const names = [...known.values()].map(({ name }) => name).sort();
    throw new SignatureMismatchError(
      "no signature by a known key", names.join(", "), note.signatures.map(({ name }) => name).join(", "),
    );
  }
  return verified;
}

/** Check one signature; the time it carries, if its type has one, else null. */
function check(text, verifier, value) {
  const row = signatureType(verifier.kind);
  const stamp = row.timed ? TIME_SIZE : 0;
  const timeS = value.subarray(0, stamp).reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
  requireRange("the time of a cosignature", timeS);
  verifier.key.verify(row.message(text, timeS), value.subarray(stamp));
  return row.timed ? timeS : null;
}

function nameAndId({ name, keyId }) {
  return `${name} ${toHex(keyId)}`;
}

function signatureType(byte) {
  if (!SIGNATURE_TYPES.has(byte)) throw new MalformedError(`unknown type of signature: ${byte}`);
  return SIGNATURE_TYPES.get(byte);
}

function requireName(name) {
  if (!name || NOT_IN_NAME.test(name)) throw new MalformedError(`not the name of a key: ${quoted(name)}`);
}

/** Refuse what cannot stand in a note; the text as characters. */
function requireText(text) {
  const chars = decodeUtf8(text);
  if (chars === null) throw new MalformedError("the note is not UTF-8");
  if (!chars.endsWith("\n") || CONTROL_IN_TEXT.test(chars)) {
    throw new MalformedError("a note's text ends with a newline and has no other control characters");
  }
  return chars;
}
