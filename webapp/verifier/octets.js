// Bytes and text, where JavaScript differs from what the formats count in: UTF-8 without exceptions,
// characters as code points, bytes compared as bytes.

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const TO_UTF8 = new TextEncoder();
const LONE_SURROGATE = /\p{Surrogate}/u;
/** Whether the runtime writes base64 and hexadecimal, also of a part of an array, which some got wrong at first. */
const WRITES = ((part) => part.toBase64?.() === "AQ==" && part.toHex?.() === "01")(Uint8Array.of(0, 1).subarray(1));
const lent = new Uint8Array(4096);
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The text of UTF-8 bytes, a byte order mark kept; null if they are not UTF-8. */
export function decodeUtf8(bytes) {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}

/** Whether no half of a surrogate pair is in a text; browsers before 2024 cannot say so themselves. */
export function isWellFormed(text) {
  return text.isWellFormed ? text.isWellFormed() : !LONE_SURROGATE.test(text);
}

/** The UTF-8 bytes of a text; null if half of a surrogate pair is in it. */
export function encodeUtf8(text) {
  return isWellFormed(text) ? TO_UTF8.encode(text) : null;
}

/** The bytes of a text that is known to be ASCII, and the other way round. */
export function encodeAscii(text) {
  return TO_UTF8.encode(text);
}

/** The same bytes for a moment: until the next text is asked for. */
export function lendAscii(text) {
  if (text.length > lent.length) return encodeAscii(text);
  return lent.subarray(0, TO_UTF8.encodeInto(text, lent).written);
}

/** One character for each byte, 0 to 255. */
export function latin1(bytes) {
  const parts = [];
  for (let start = 0; start < bytes.length; start += 8192) {
    parts.push(String.fromCharCode(...bytes.subarray(start, start + 8192)));
  }
  return parts.join("");
}

export function isAscii(textOrBytes) {
  if (typeof textOrBytes === "string") return !/[^\0-\x7f]/.test(textOrBytes);
  return textOrBytes.every((byte) => byte < 0x80);
}

/** How many characters a text has, counted in code points. */
export function countChars(text) {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i += 1) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) count -= 1;
  }
  return count;
}

/** Less than, equal to or greater than 0, as bytes are ordered. */
export function compareBytes(a, b) {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i += 1) {
    if (a[i] !== b[i]) return a[i] - b[i];
  }
  return a.length - b.length;
}

export function equalBytes(a, b) {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** Texts in order of their code points, which is the order of their UTF-8. */
export function compareText(a, b) {
  return compareBytes(TO_UTF8.encode(a), TO_UTF8.encode(b));
}

export function concat(...parts) {
  let size = 0, at = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function toHex(bytes) {
  if (WRITES) return bytes.toHex();
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** The bytes of an even number of hexadecimal digits. */
export function fromHex(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Padded standard base64. */
export function toBase64(bytes) {
  return WRITES ? bytes.toBase64() : btoa(latin1(bytes));
}

/** Padded base64 of an alphabet, by the runtime; null where it has none, or where that is not the text's only form. */
export function fromBase64(text, alphabet) {
  if (!Uint8Array.fromBase64) return null;
  try {
    const data = Uint8Array.fromBase64(text, { alphabet, lastChunkHandling: "strict" });
    return Math.ceil(data.length / 3) * 4 === text.length ? data : null;
  } catch {
    return null;
  }
}

/** A value as a message shows it. */
export function quoted(value, limit = 100) {
  return typeof value === "string" ? JSON.stringify(value.slice(0, limit)) : String(value);
}
