// A trace code: the head of a chain at a count, short enough to print on a label and to read aloud
// (docs/formats.md, Trace codes). Count and head are BigInt.

import { TraceCodeError } from "../errors.js";
import { countChars, quoted } from "../octets.js";
import { requireSize } from "./lines.js";
import * as merkle from "./merkle.js";

export const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
export const HEAD_BITS = 130;
export const MAX_COUNT = 999_999_999n;
/** Characters of a code as somebody typed it, with everything between them. */
export const MAX_TYPED = 128;

const HEAD = HEAD_BITS / 5;
const CHECK = 6;
const BECH32M = 0x2bc830a3;
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const FULL_WIDTH = /[\uff01-\uff5e]/g;
const PASSED_OVER = /[\t\n\r \-\u00a0\u2010-\u2015\u2212\u3000]/g;

/** The head of a chain at a count: how many records it had, and 130 bits of the hash of the last of them. */
export class TraceCode {
  constructor(count, head) {
    if (!(1n <= count && count <= MAX_COUNT)) {
      throw new TraceCodeError(`a trace code is of 1 to ${MAX_COUNT} records, not ${count}`);
    }
    if (!(0n <= head && head < 1n << BigInt(HEAD_BITS))) {
      throw new TraceCodeError(`the head in a trace code has ${HEAD_BITS} bits`);
    }
    Object.assign(this, { count, head });
    Object.freeze(this);
  }

  /** The one form in which a code is written. */
  get text() {
    const digits = Array.from({ length: HEAD }, (_, i) => Number((this.head >> BigInt(5 * (HEAD - 1 - i))) & 31n));
    const left = polymod([...expanded(String(this.count)), ...digits, ...new Array(CHECK).fill(0)]) ^ BECH32M;
    for (let i = CHECK - 1; i >= 0; i -= 1) digits.push((left >> (5 * i)) & 31);
    const groups = digits.map((digit) => ALPHABET[digit]).join("").match(/.{4}/g);
    return [this.count, ...groups].join("-");
  }
}

/** The code of a chain of `count` records, of which the last has this hash. Throws TraceCodeError, MalformedError. */
export function traceCode(count, recordHash) {
  requireSize("a record hash", recordHash, merkle.HASH_SIZE);
  const whole = recordHash.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  return new TraceCode(BigInt(count), whole >> BigInt(8 * merkle.HASH_SIZE - HEAD_BITS));
}

/** A code as a person typed it; what is taken for what stands in docs/formats.md. Throws TraceCodeError. */
export function parseTraceCode(typed) {
  if (countChars(typed) > MAX_TYPED) {
    throw new TraceCodeError(`a trace code is shorter than the ${countChars(typed)} characters that came`);
  }
  const read = [...typed
    .replace(FULL_WIDTH, (char) => String.fromCharCode(char.charCodeAt(0) - 0xfee0))
    .replace(PASSED_OVER, "")
    .replace(/[ILil]/g, "1")
    .replace(/[Oo]/g, "0")
    .replace(/[a-z]/g, (char) => char.toUpperCase())];
  const strange = read.find((char) => !ALPHABET.includes(char));
  if (strange !== undefined) throw new TraceCodeError(`no trace code has the character ${quoted(strange)}`);
  const split = Math.max(read.length - HEAD - CHECK, 0);
  const number = read.slice(0, split).join(""), digits = read.slice(split).map((char) => ALPHABET.indexOf(char));
  if (!number) {
    throw new TraceCodeError(`a trace code is a number and ${HEAD + CHECK} characters; ${read.length} characters came`);
  }
  if (!/^[1-9][0-9]*$/.test(number) || BigInt(number) > MAX_COUNT) {
    throw new TraceCodeError(
      `a trace code begins with a number of 1 to ${MAX_COUNT} and ends with ${HEAD + CHECK} characters; ` +
        `before these stands ${quoted(number, 40)}`,
    );
  }
  if (polymod([...expanded(number), ...digits]) !== BECH32M) {
    throw new TraceCodeError("the characters of this trace code do not fit together: one or more are wrong");
  }
  const head = digits.slice(0, HEAD).reduce((value, digit) => (value << 5n) | BigInt(digit), 0n);
  return new TraceCode(BigInt(number), head);
}

/** A human-readable part as BIP 173 brings it under the checksum. */
function expanded(number) {
  const codes = [...number].map((char) => char.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

/** The remainder of BIP 173's BCH code over GF(32): it notices any four characters that are wrong. */
function polymod(values) {
  let left = 1;
  for (const value of values) {
    const top = left >>> 25;
    left = ((left & 0x1ffffff) << 5) ^ value;
    GENERATOR.forEach((generator, i) => {
      if ((top >> i) & 1) left ^= generator;
    });
  }
  return left;
}
