// Strict JSON and base64url: whatever is written is read back, and a value has one text.
//
// Text is written as RFC 8785 writes it, but for numbers: integers stay within 2^53 - 1 and
// fractions keep the digits they have ("1.50" stays "1.50"). Objects are Maps, integers numbers,
// fractions Decimals. Source: RFC 8259, RFC 7493, RFC 8785 3.2, RFC 4648 5.

import { EncodingError, OversizeError } from "../errors.js";
import { decodeUtf8, encodeUtf8, equalBytes, fromBase64, isWellFormed, latin1 } from "../octets.js";

/** Nesting of arrays and objects; a scalar has depth 0. */
export const MAX_DEPTH = 16;
export const MAX_BYTES = 262_144;
/** RFC 7493 2.2; larger ones belong in a string. */
export const MAX_INTEGER = Number.MAX_SAFE_INTEGER;
/** As received and as written out plainly, without an exponent. */
export const MAX_NUMBER_CHARACTERS = 64;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CODES = Uint8Array.from(ALPHABET, (char) => char.charCodeAt(0));
/** By a character's code: its six bits, or 255 for none. */
const VALUES = new Uint8Array(128).fill(255);
CODES.forEach((code, value) => { VALUES[code] = value; });
const LITERALS = new Map([["true", true], ["false", false], ["null", null]]);
const SPACE = /[ \t\n\r]*/y;
const LITERAL = /true|false|null/y;
const NUMBER = /(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
const PLAIN = /[^"\\\0-\x1f]*/y;
const ESCAPE = /\\(?:(["\\/bfnrt])|u([0-9a-fA-F]{4}))/y;
const ESCAPED = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/** Unpadded base64url (RFC 4648 5, RFC 7515 2). */
export function b64url(data) {
  const codes = new Uint8Array(Math.ceil((data.length * 4) / 3));
  let at = 0;
  for (let start = 0; start < data.length; start += 3) {
    const group = (data[start] << 16) | ((data[start + 1] ?? 0) << 8) | (data[start + 2] ?? 0);
    for (let shift = 18; shift >= 0 && at < codes.length; shift -= 6) codes[at++] = CODES[(group >> shift) & 63];
  }
  return latin1(codes);
}

/** The bytes of an unpadded base64url text that has no second spelling. Throws EncodingError. */
export function b64urlDecode(text) {
  const padding = "=".repeat(-text.length & 3);
  return (text.endsWith("=") ? null : fromBase64(text + padding, "base64url")) ?? b64urlRead(text);
}

function b64urlRead(text) {
  if (text.length % 4 === 1) throw new EncodingError("not base64url: an impossible length");
  const data = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0, held = 0, at = 0;
  for (let i = 0; i < text.length; i += 1) {
    const value = VALUES[text.charCodeAt(i)] ?? 255;
    if (value === 255) throw new EncodingError("not canonical unpadded base64url");
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      data[at] = bits >> held;
      at += 1;
    }
  }
  if (bits & ((1 << held) - 1)) throw new EncodingError("not canonical unpadded base64url");
  return data;
}

/** A fraction, or a number with an exponent: (-1)^negative * coefficient * 10^exponent, as it was written. */
export class Decimal {
  constructor(digits) {
    const [, sign, whole, fraction = "", power = "0"] = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE](.+))?$/.exec(digits);
    this.negative = sign === "-";
    this.coefficient = BigInt(whole + fraction);
    this.exponent = Number(power) - fraction.length;
    Object.freeze(this);
  }

  /** The exponent of its first digit. */
  adjusted() {
    return this.exponent + this.coefficient.toString().length - 1;
  }

  /** Written out without an exponent; throws EncodingError where that is out of range. */
  plain() {
    if (!(Math.abs(this.adjusted()) <= MAX_NUMBER_CHARACTERS)) {
      throw new EncodingError("a number whose exponent is out of range");
    }
    let digits = this.coefficient.toString();
    if (this.exponent > 0 && this.coefficient) digits += "0".repeat(this.exponent);
    if (this.exponent < 0) {
      digits = digits.padStart(1 - this.exponent, "0");
      digits = `${digits.slice(0, this.exponent)}.${digits.slice(this.exponent)}`;
    }
    return (this.negative ? "-" : "") + digits;
  }

  /** As Python's `str` writes it: with an exponent where that is shorter. */
  toString() {
    const digits = this.coefficient.toString(), sign = this.negative ? "-" : "";
    if (this.exponent <= 0 && this.adjusted() >= -6) return this.plain();
    const power = this.adjusted();
    const tail = digits.length > 1 ? `.${digits.slice(1)}` : "";
    return `${sign}${digits[0]}${tail}E${power < 0 ? "" : "+"}${power}`;
  }
}

/**
 * The value of a text that `jsonEncode` gives again; null if it is another text of a value. Throws OversizeError,
 * EncodingError. What the runtime's own reader and writer agree about need not be read by ours.
 */
export function jsonDecodeCanonical(data, maxDepth = MAX_DEPTH, maxBytes = MAX_BYTES) {
  const found = data.length > maxBytes ? undefined : quickly(data, maxDepth);
  if (found !== undefined) return found;
  const value = jsonDecode(data, maxDepth, maxBytes);
  return equalBytes(jsonEncode(value), data) ? value : null;
}

/** Undefined where the runtime cannot tell: for it a half of a surrogate pair, say, is a text like any other. */
function quickly(data, maxDepth) {
  const chars = decodeUtf8(data);
  if (chars === null || chars.includes("\\ud")) return undefined;
  try {
    const value = JSON.parse(chars);
    return JSON.stringify(value) === chars ? inMaps(value, maxDepth) : undefined;
  } catch {
    return undefined;
  }
}

/** What the runtime read, as `jsonDecode` gives it. Throws EncodingError for what only that may judge. */
function inMaps(value, depthLeft) {
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new EncodingError("not a safe integer");
  if (value === null || typeof value !== "object") return value;
  if (depthLeft === 0) throw new EncodingError("JSON nested too deeply");
  if (Array.isArray(value)) return value.map((item) => inMaps(item, depthLeft - 1));
  const members = new Map();
  let last = null;
  for (const name of Object.keys(value)) {
    if (last !== null && last >= name) throw new EncodingError("members out of order");
    members.set(name, inMaps(value[name], depthLeft - 1));
    last = name;
  }
  return members;
}

/** One JSON value. Throws OversizeError, EncodingError. */
export function jsonDecode(text, maxDepth = MAX_DEPTH, maxBytes = MAX_BYTES) {
  const raw = typeof text === "string" ? encodeUtf8(text) : text;
  if (raw === null) throw new EncodingError("not strict JSON: half of a surrogate pair");
  if (raw.length > maxBytes) throw new OversizeError(`JSON of ${raw.length} bytes, at most ${maxBytes} are read`);
  const chars = decodeUtf8(raw);
  if (chars === null) throw new EncodingError("not strict JSON: not UTF-8");
  return new Reader(chars).whole(maxDepth);
}

class Reader {
  #text;
  #at = 0;

  constructor(text) {
    this.#text = text;
  }

  whole(maxDepth) {
    const value = this.#value(maxDepth);
    if (this.#at !== this.#text.length) throw this.#problem("something follows the value");
    return value;
  }

  /** The next value, and the white space on both sides of it. */
  #value(depthLeft) {
    this.#match(SPACE);
    const char = this.#text[this.#at];
    let value;
    if (char === '"') value = this.#string();
    else if (char === "{") value = this.#object(depthLeft);
    else if (char === "[") value = this.#array(depthLeft);
    else value = this.#scalar();
    this.#match(SPACE);
    return value;
  }

  #scalar() {
    const literal = this.#match(LITERAL);
    if (literal) return LITERALS.get(literal[0]);
    const number = this.#match(NUMBER);
    if (!number) throw this.#problem("no value");
    if (number[0].length > MAX_NUMBER_CHARACTERS) {
      throw new EncodingError(`a number of more than ${MAX_NUMBER_CHARACTERS} characters`);
    }
    return number[2] || number[3] ? fraction(number[0]) : integer(number[0]);
  }

  #string() {
    this.#at += 1;
    let text = this.#match(PLAIN)[0];
    while (this.#text[this.#at] !== '"') {
      const escape = this.#match(ESCAPE);
      if (!escape) throw this.#problem("a text that does not end, or an escape that is none");
      text += escape[1] ? ESCAPED[escape[1]] : String.fromCharCode(Number.parseInt(escape[2], 16));
      text += this.#match(PLAIN)[0];
    }
    this.#at += 1;
    if (!isWellFormed(text)) throw new EncodingError("half of a surrogate pair in a text");
    return text;
  }

  #array(depthLeft) {
    const items = [];
    this.#items("]", depthLeft, () => items.push(this.#value(depthLeft - 1)));
    return items;
  }

  #object(depthLeft) {
    const members = new Map();
    this.#items("}", depthLeft, () => {
      this.#match(SPACE);
      if (this.#text[this.#at] !== '"') throw this.#problem("a member without a name");
      const name = this.#string();
      this.#match(SPACE);
      this.#expect(":");
      if (members.has(name)) throw new EncodingError("a JSON object names a member twice");
      members.set(name, this.#value(depthLeft - 1));
    });
    return members;
  }

  /** What stands between brackets and commas. */
  #items(close, depthLeft, read) {
    if (depthLeft === 0) throw new EncodingError("JSON nested too deeply");
    this.#at += 1;
    this.#match(SPACE);
    if (this.#text[this.#at] === close) {
      this.#at += 1;
      return;
    }
    read();
    while (this.#text[this.#at] === ",") {
      this.#at += 1;
      read();
    }
    this.#expect(close);
  }

  #expect(char) {
    if (this.#text[this.#at] !== char) throw this.#problem(`${char} is missing`);
    this.#at += 1;
  }

  #match(form) {
    form.lastIndex = this.#at;
    const found = form.exec(this.#text);
    if (found) this.#at = form.lastIndex;
    return found;
  }

  #problem(what) {
    return new EncodingError(`not strict JSON: ${what} (char ${this.#at})`);
  }
}

/** The one UTF-8 text of a value made of Maps, arrays, text, integers, Decimals, booleans and null. */
export function jsonEncode(value) {
  return encodeUtf8(written(value, MAX_DEPTH));
}

function written(value, depthLeft) {
  if (typeof value === "string") return quotedText(value);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number" || value instanceof Decimal) return writtenNumber(value);
  const isMap = value instanceof Map;
  if (!isMap && !Array.isArray(value)) throw new EncodingError(`${typeof value} has no JSON form here`);
  if (depthLeft === 0) throw new EncodingError("nested too deeply for JSON");
  if (!isMap) return `[${value.map((item) => written(item, depthLeft - 1)).join(",")}]`;
  const members = sortedNames(value).map((name) => `${quotedText(name)}:${written(value.get(name), depthLeft - 1)}`);
  return `{${members.join(",")}}`;
}

/** The names of a Map's members by their UTF-16 code units (RFC 8785 3.2.3). */
export function sortedNames(value) {
  const names = [...value.keys()];
  if (!names.every((name) => typeof name === "string")) throw new EncodingError("a JSON member's name is a text");
  return names.sort();
}

function quotedText(text) {
  if (!isWellFormed(text)) throw new EncodingError("half of a surrogate pair in a text");
  return JSON.stringify(text);
}

function integer(digits) {
  const number = Number(digits);
  if (!Number.isSafeInteger(number)) throw new EncodingError("an integer beyond 2^53 - 1: write it as a text");
  return number || 0; // never minus zero
}

function fraction(digits) {
  const number = new Decimal(digits);
  writtenNumber(number);
  return number;
}

function writtenNumber(number) {
  if (typeof number === "number") {
    if (!Number.isSafeInteger(number)) throw new EncodingError("an integer within 2^53 - 1, or a Decimal");
    return String(number || 0);
  }
  const text = number.plain();
  if (text.length > MAX_NUMBER_CHARACTERS) {
    throw new EncodingError(`a number of more than ${MAX_NUMBER_CHARACTERS} characters`);
  }
  return text.includes(".") ? text : String(integer(text));
}
