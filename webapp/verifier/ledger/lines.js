// Texts made of lines: the form that records, state leaves and stays share. ASCII, every line ends with
// a newline, integers (BigInt) are decimal in their shortest form, bytes padded standard base64.

import { MalformedError, OversizeError } from "../errors.js";
import { encodeAscii, equalBytes, fromBase64, isAscii, latin1, quoted, toBase64 } from "../octets.js";
import { b64urlDecode } from "../signing/strictjson.js";

export const MAX_INTEGER = 2n ** 63n - 1n;
const INTEGER = /^(?:0|-?[1-9][0-9]{0,19})$/;
const NEWLINE = 0x0a;

/** The lines as ASCII, each ended by a newline. */
export function encodeLines(...lines) {
  return encodeAscii(lines.map((line) => `${line}\n`).join(""));
}

/** Padded standard base64. */
export function encodeBase64(data) {
  return toBase64(data);
}

/** Bytes of padded standard base64 in its one form. Throws MalformedError. */
export function decodeBase64(text) {
  return fromBase64(text, "base64") ?? base64Read(text);
}

function base64Read(text) {
  const digits = text.replace(/={1,2}$/, "");
  if (text.length % 4 || /[-_=]/.test(digits)) throw new MalformedError(`not base64: ${quoted(text)}`);
  try {
    return b64urlDecode(digits.replaceAll("+", "-").replaceAll("/", "_"));
  } catch {
    throw new MalformedError(`not the one base64 form of its bytes: ${quoted(text)}`);
  }
}

/** A decimal integer of at most 20 digits, in its only form, as a BigInt. Throws MalformedError. */
export function decodeInteger(text) {
  if (!INTEGER.test(text)) throw new MalformedError(`not a decimal integer in its shortest form: ${quoted(text)}`);
  return BigInt(text);
}

/** Refuse (MalformedError) a value outside low..high, both included. */
export function requireRange(what, value, low = 0n, high = MAX_INTEGER) {
  if (!(low <= value && value <= high)) throw new MalformedError(`${what} must be ${low} to ${high}, not ${value}`);
}

/** Refuse (MalformedError) bytes of another length. */
export function requireSize(what, data, size) {
  if (data.length !== size) throw new MalformedError(`${what} has ${size} bytes, not ${data.length}`);
}

/** Reads a text line by line; every method throws MalformedError where the form is broken. */
export class LineReader {
  #data;
  #lines;
  #position = 0;

  /** Open a text whose first line must be `title`. */
  constructor(data, title, maxBytes) {
    if (data.length > maxBytes) {
      throw new OversizeError(`a text of this kind has at most ${maxBytes} bytes, not ${data.length}`);
    }
    if (!isAscii(data) || data.at(-1) !== NEWLINE) {
      throw new MalformedError("the text must be ASCII and end with a newline");
    }
    this.#data = data;
    this.#lines = latin1(data.subarray(0, -1)).split("\n");
    const first = this.text();
    if (first !== title) throw new MalformedError(`the first line must be ${quoted(title)}, not ${quoted(first)}`);
  }

  /** The next line. */
  text() {
    if (this.#position === this.#lines.length) {
      throw new MalformedError(`the text ends after ${this.#position} lines`);
    }
    this.#position += 1;
    return this.#lines[this.#position - 1];
  }

  /** The next line, an integer. */
  integer() {
    return decodeInteger(this.text());
  }

  /** The next line, base64. */
  data() {
    return decodeBase64(this.text());
  }

  /** The next line, as many fields as one of `counts` says, with one space between them. */
  fields(...counts) {
    const parts = this.text().split(" ");
    if (!counts.includes(parts.length)) {
      const wanted = counts.join(" or ");
      throw new MalformedError(`line ${this.#position} must have ${wanted} fields, not ${parts.length}`);
    }
    return parts;
  }

  /** As many items as the next line says, each read by `read`. */
  counted(read) {
    const items = [];
    for (let left = this.integer(); left > 0n; left -= 1n) items.push(read(this));
    return items;
  }

  /** Check that the value, encoded again, gives this very text. */
  end(again) {
    if (!equalBytes(again, this.#data)) {
      throw new MalformedError(
        `the text is not the one encoding of what its first ${this.#position} lines say`,
      );
    }
  }
}
