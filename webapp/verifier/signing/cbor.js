// Deterministic CBOR: for every value one encoding, and no other is read (RFC 8949 4.2.1, narrowed as
// in traceability/signing/cbor.py). Integers are BigInt, floats are numbers, maps are Maps.

import { EncodingError } from "../errors.js";
import { compareBytes, concat, decodeUtf8, encodeUtf8, equalBytes } from "../octets.js";

/** Containers within one another, unless the caller says otherwise; a bare number has depth 0. */
export const MAX_DEPTH = 4;

const SMALL = Array.from({ length: 256 }, (_, number) => BigInt(number));
const SMALL_NEGATIVE = SMALL.map((number) => -1n - number);
/** Texts of up to so many bytes that were read before: names and units come again in every frame. */
const MAX_KNOWN = 128;
const known = Array.from({ length: 256 }, () => ({ bytes: new Uint8Array(0), text: "" }));
const LEAST = [24n, 1n << 8n, 1n << 16n, 1n << 32n];
/** Of the heads with 1, 2, 4 and 8 bytes more: the least number that needs them. */

/** Encode a value; BigInt as an integer, number as a float. Throws EncodingError. */
export function encode(value, maxDepth = MAX_DEPTH) {
  if (value === null) return Uint8Array.of(0xf6);
  if (typeof value === "boolean") return Uint8Array.of(value ? 0xf5 : 0xf4);
  if (typeof value === "bigint") return encodeInt(value);
  if (typeof value === "number") return encodeFloat(value);
  if (typeof value === "string") return encodeText(value);
  if (value instanceof Uint8Array) return concat(head(2, value.length), value);
  if (maxDepth === 0) throw new EncodingError("a CBOR value is nested too deep");
  if (Array.isArray(value)) return concat(head(4, value.length), ...value.map((item) => encode(item, maxDepth - 1)));
  if (value instanceof Map) return encodeMap(value, maxDepth);
  throw new EncodingError(`no CBOR form for ${typeof value}`);
}

/** Decode exactly one item. Throws EncodingError for anything that `encode` would not have produced. */
export function decode(data, maxDepth = MAX_DEPTH) {
  const reader = new Reader(data);
  const value = reader.item(maxDepth);
  if (reader.at !== data.length) throw new EncodingError(`${data.length - reader.at} bytes follow the CBOR item`);
  return value;
}

/** The shortest head of an item: major type (0 to 7) and argument (RFC 8949 3). */
export function head(major, argument) {
  if (argument < 24) return Uint8Array.of((major << 5) | Number(argument));
  if (argument < 1 << 16) {
    const small = Number(argument), most = (major << 5) | 24;
    return small < 256 ? Uint8Array.of(most, small) : Uint8Array.of(most + 1, small >> 8, small & 255);
  }
  const number = BigInt(argument);
  if (number >= 1n << 64n) throw new EncodingError("a CBOR number needs more than 64 bits");
  const code = LEAST.findLastIndex((least) => number >= least);
  const bytes = new Uint8Array(1 + 2 ** code);
  bytes[0] = (major << 5) | (24 + code);
  for (let i = bytes.length - 1, rest = number; i > 0; i -= 1, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}

function encodeInt(value) {
  return value >= 0n ? head(0, value) : head(1, -1n - value);
}

function encodeText(value) {
  const raw = encodeUtf8(value);
  if (raw === null) throw new EncodingError("text with a lone surrogate has no CBOR form");
  return concat(head(3, raw.length), raw);
}

function encodeMap(value, maxDepth) {
  const entries = [...value].map(([key, item]) => [encodeKey(key), encode(item, maxDepth - 1)]);
  entries.sort(([a], [b]) => compareBytes(a, b));
  return concat(head(5, value.size), ...entries.flat());
}

function encodeKey(key) {
  if (typeof key === "string") return encodeText(key);
  if (typeof key === "bigint") return encodeInt(key);
  throw new EncodingError(`a CBOR map key is an integer or text, not ${typeof key}`);
}

function encodeFloat(value) {
  if (!Number.isFinite(value)) throw new EncodingError("NaN and infinity are not allowed in CBOR here");
  const bytes = new Uint8Array(9);
  const view = new DataView(bytes.buffer);
  if (Math.fround(value) !== value) {
    bytes[0] = 0xfb;
    view.setFloat64(1, value);
    return bytes;
  }
  if (fitsHalf(value)) return encodeHalf(value);
  bytes[0] = 0xfa;
  view.setFloat32(1, value);
  return bytes.slice(0, 5);
}

/** Whether a number has a half precision form: at most 11 bits, none below 2^-24, within 65504. */
function fitsHalf(value) {
  let units = Math.abs(value) * 2 ** 24;
  if (units === 0) return true;
  if (!Number.isInteger(units) || Math.abs(value) > 65504) return false;
  while (units % 2 === 0) units /= 2;
  return units < 2048;
}

/** Whether `encodeFloat` would begin with this byte; every half that is a number has one form. */
function isShortest(first, value) {
  if (!Number.isFinite(value)) throw new EncodingError("NaN and infinity are not allowed in CBOR here");
  if (first === 0xfb) return Math.fround(value) !== value;
  return first === 0xf9 || !fitsHalf(value);
}

function encodeHalf(value) {
  const size = Math.abs(value);
  const sign = Object.is(value, -0) || value < 0 ? 0x8000 : 0;
  let exponent = 0;
  while (size >= 2 ** (exponent - 14) * 2 && exponent < 30) exponent += 1;
  const normal = size >= 2 ** -14;
  const fraction = normal ? size / 2 ** (exponent - 14) * 1024 - 1024 : size * 2 ** 24;
  const bits = sign | (normal ? ((exponent + 1) << 10) + fraction : fraction);
  return Uint8Array.of(0xf9, bits >> 8, bits & 0xff);
}

function decodeHalf(bits) {
  const exponent = (bits >> 10) & 31, fraction = bits & 1023;
  const size = exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24;
  return bits & 0x8000 ? -size : size;
}

/** Reads items one after another; `at` is where the next one begins. */
class Reader {
  #data;
  #view;
  at = 0;

  constructor(data) {
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  item(depth) {
    this.#require(1);
    const first = this.#data[this.at], major = first >> 5;
    if (major === 7) return this.#simple(first);
    if (major === 6) throw this.#refused(first);
    if (major >= 4 && depth === 0) throw new EncodingError("the CBOR item is nested too deep");
    const argument = this.#argument();
    switch (major) {
      case 0: return argument;
      case 1: return argument < 256n ? SMALL_NEGATIVE[Number(argument)] : -1n - argument;
      case 2: return this.#bytes(argument);
      case 3: return this.#text(argument);
      case 4: return this.#array(argument, depth);
      default: return this.#map(argument, depth);
    }
  }

  #require(count) {
    if (this.at + count > this.#data.length) throw new EncodingError("the CBOR item ends early");
  }

  #argument() {
    const code = this.#data[this.at] & 31;
    this.at += 1;
    if (code < 24) return SMALL[code];
    if (code > 27) throw new EncodingError("indefinite lengths and reserved heads are not allowed in CBOR here");
    const size = 2 ** (code - 24);
    this.#require(size);
    const number = this.#unsigned(size);
    this.at += size;
    if (number < LEAST[code - 24]) throw new EncodingError("a CBOR head is not the shortest");
    return number;
  }

  #unsigned(size) {
    if (size === 1) return SMALL[this.#data[this.at]];
    if (size === 2) return BigInt(this.#view.getUint16(this.at));
    return size === 4 ? BigInt(this.#view.getUint32(this.at)) : this.#view.getBigUint64(this.at);
  }

  #bytes(argument) {
    const size = Number(argument);
    this.#require(size);
    this.at += size;
    return this.#data.subarray(this.at - size, this.at);
  }

  #text(argument) {
    const bytes = this.#bytes(argument);
    const place = known[(bytes.length + (bytes[0] << 3) + bytes[bytes.length - 1]) & 255];
    if (bytes.length && equalBytes(place.bytes, bytes)) return place.text;
    const text = decodeUtf8(bytes);
    if (text === null) throw new EncodingError("CBOR text is not UTF-8");
    if (bytes.length <= MAX_KNOWN) Object.assign(place, { bytes: bytes.slice(), text });
    return text;
  }

  #array(count, depth) {
    const items = [];
    for (let left = Number(count); left > 0; left -= 1) items.push(this.item(depth - 1));
    return items;
  }

  #map(count, depth) {
    const entries = new Map();
    let before = this.at;
    for (let left = Number(count); left > 0; left -= 1) {
      const start = this.at;
      this.#require(1);
      const major = this.#data[start] >> 5;
      if (major > 3 || major === 2) throw new EncodingError("a CBOR map key is an integer or text");
      const key = this.item(0);
      if (before < start && !this.#ascends(before, start)) {
        throw new EncodingError("CBOR map keys are not in strictly increasing order");
      }
      before = start;
      entries.set(key, this.item(depth - 1));
    }
    return entries;
  }

  /** Whether the key that begins at `start`, and ends here, comes behind the one at `before`: no key begins another. */
  #ascends(before, start) {
    const data = this.#data;
    let i = 0;
    while (start + i < this.at && data[before + i] === data[start + i]) i += 1;
    return start + i < this.at && data[before + i] < data[start + i];
  }

  #simple(first) {
    if (first >= 0xf4 && first <= 0xf6) {
      this.at += 1;
      return [false, true, null][first - 0xf4];
    }
    if (first < 0xf9 || first > 0xfb) throw this.#refused(first);
    const start = this.at, size = 1 + 2 ** (first - 0xf8);
    this.#require(size);
    this.at += size;
    const value = this.#float(first, start + 1);
    if (!isShortest(first, value)) {
      throw new EncodingError("a CBOR float is not the shortest");
    }
    return value;
  }

  #float(first, at) {
    if (first === 0xfb) return this.#view.getFloat64(at);
    if (first === 0xfa) return this.#view.getFloat32(at);
    const bits = this.#view.getUint16(at);
    if ((bits & 0x7c00) === 0x7c00) throw new EncodingError("NaN and infinity are not allowed in CBOR here");
    return decodeHalf(bits);
  }

  #refused(first) {
    return new EncodingError(`a tag or simple value that is not allowed in CBOR here: 0x${first.toString(16)}`);
  }
}
