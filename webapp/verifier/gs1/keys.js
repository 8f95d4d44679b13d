// GS1 keys, read by the table from an EPC URN or a GS1 Digital Link.
// Sources: GS1 Tag Data Standard 2.0, 6.3; GS1 Digital Link URI syntax 1.2, 4; CBV 2.0, 8.

import { IdentifierError } from "../errors.js";
import { encodeAscii, isAscii, latin1, quoted } from "../octets.js";
import { CSET82, DIGITS, GLN, GTIN, KEYS, QUALIFIERS, checkDigit, isRestricted, madeOf } from "./table.js";

export const MAX_URI_CHARS = 2000;
/** How many digits a company prefix has in a URN (Tag Data Standard 2.0, 6.3). */
const PREFIX = /^[0-9]{6,12}$/;

const LINK = /^https?:\/\/[^/?#@]+\/([^?#]*)(?:[?#].*)?$/i;
const VISIBLE = /^[!-~]{1,2000}$/;
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
const PLAIN_IN_PATH = new Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@%");
const PLAIN_IN_URN = new Set([...CSET82].filter((char) => !'"&/<>?'.includes(char)));
const SCHEMES = new Map(KEYS.map((scheme) => [scheme.name, scheme]));
const URN_SCHEMES = new Map([...SCHEMES, ["idpat:upui", SCHEMES.get("idpat:sgtin")]]);
/** Rows by their application identifiers; a GLN may stand with and without its extension. */
const PATHS = new Map();
for (const scheme of KEYS) {
  const ais = scheme.ais.join("/");
  PATHS.set(ais, [...(PATHS.get(ais) ?? []), scheme]);
}
PATHS.set("414", PATHS.get("414/254"));
const PRIMARY = new Set(KEYS.map((scheme) => scheme.ais[0]));
const TO_VALUE = new TextDecoder("utf-8", { ignoreBOM: true });

/** One Digital Link path value in its only accepted spelling. */
export function encodeValue(value) {
  const escaped = (char) => Array.from(new TextEncoder().encode(char), escapedByte).join("");
  return value.replace(/[^A-Za-z0-9\-._~]/gu, escaped);
}

/** The value of one Digital Link path segment; other spellings of it are refused. */
export function decodeValue(text) {
  const bytes = unquote(text);
  if (!isAscii(bytes)) throw new IdentifierError(`${quoted(text, 64)} holds characters outside ASCII`);
  const value = latin1(bytes);
  if (encodeValue(value) !== text) {
    throw new IdentifierError(`${quoted(text, 64)} should be written ${quoted(encodeValue(value))}`);
  }
  return value;
}

/** A GS1 key. It is checked when it is made. */
export class Key {
  constructor(scheme, values, prefixLength = null) {
    Object.assign(this, { scheme, values, prefixLength });
    Object.freeze(this);
    const row = this.#row;
    const needed = row.elements.length - (row.absent ? 1 : 0);
    if (values.length < needed || values.length > row.elements.length) {
      throw new IdentifierError(`${row.name} has ${needed} values, not ${values.length}`);
    }
    for (const [part, text] of row.split(values)) part.check(text);
    const [number] = values;
    if (row.firstDigit === "zero" && number[0] !== "0") {
      throw new IdentifierError(`${row.number.name} ${number} begins with ${number[0]}, it should be 0`);
    }
    if (!madeOf(DIGITS, number.slice(0, 4))) {
      throw new IdentifierError(`${quoted(number)} has no GS1 company prefix: it begins with at least 4 digits`);
    }
    if (values.slice(1).includes(row.absent)) {
      throw new IdentifierError(`${row.parts.at(-1).name} ${row.absent} means that there is none`);
    }
  }

  get #row() {
    return SCHEMES.get(this.scheme);
  }

  /** Whether its GTIN or GLN is a restricted circulation number. */
  get restricted() {
    const { number } = this.#row;
    return (number === GTIN || number === GLN) && isRestricted(this.values[0].slice(0, number.longest));
  }

  /** The canonical Digital Link path: `/01/09521141123454/21/4711`. */
  get path() {
    return this.values.map((value, i) => `/${this.#row.elements[i][0]}/${encodeValue(value)}`).join("");
  }
}

/** The key in an EPC URN or a GS1 Digital Link. Throws IdentifierError. */
export function parseKey(text) {
  return text.startsWith("urn:") ? parseUrn(text) : parseDigitalLink(text);
}

/** The key in an EPC URN; a pattern is one only if it stands for all serials of a class. */
export function parseUrn(text) {
  checkVisible(text);
  const [urn, epc, first, second, ...rest] = text.split(":");
  const scheme = rest.length ? URN_SCHEMES.get(`${first}:${second}`) : undefined;
  if (urn !== "urn" || epc !== "epc" || scheme === undefined) {
    throw new IdentifierError(`${quoted(text, 64)} is not the EPC URN of a GS1 key, such as urn:epc:id:sgtin:...`);
  }
  const count = 1 + scheme.parts.length + (scheme.pattern ? 1 : 0);
  const [prefix, ...texts] = splitAtMost(rest.join(":"), ".", count);
  if (texts.length !== count - 1) {
    throw new IdentifierError(`${quoted(text, 64)} has ${texts.length + 1} parts between dots, it should be ${count}`);
  }
  if (scheme.pattern && texts.pop() !== "*") {
    throw new IdentifierError(`${quoted(text, 64)} is no class: its last part should be *`);
  }
  if (!PREFIX.test(prefix)) {
    throw new IdentifierError(`${quoted(prefix, 64)} is not a GS1 company prefix: 6 to 12 digits`);
  }
  const [reference, ...given] = texts.map((part) => unescape(part, PLAIN_IN_URN));
  scheme.parts.slice(1).forEach((part, i) => part.check(given[i]));
  return made(scheme, scheme.join([compose(scheme, prefix, reference), ...given]), prefix.length);
}

/** The key proper, from the company prefix and what a URN writes behind it. */
function compose(scheme, prefix, reference) {
  const { number, firstDigit } = scheme;
  if (!number.checked) {
    if (!reference) throw new IdentifierError(`nothing stands behind the company prefix of ${number.name} ${prefix}`);
    return prefix + reference;
  }
  const wanted = number.longest - 1 - (firstDigit === "zero" ? 1 : 0);
  if (prefix.length + reference.length !== wanted || !madeOf(DIGITS, reference)) {
    throw new IdentifierError(
      `company prefix ${prefix} and reference ${quoted(reference, 64)} of a ${number.name} should be ${wanted} digits`,
    );
  }
  const digits = firstDigit === "moved"
    ? reference.slice(0, 1) + prefix + reference.slice(1)
    : (firstDigit === "zero" ? "0" : "") + prefix + reference;
  return digits + checkDigit(digits);
}

/** The key in a GS1 Digital Link on any host, behind any path; its query is left aside. */
export function parseDigitalLink(uri) {
  checkVisible(uri);
  const segments = LINK.exec(uri)?.[1].split("/") ?? [];
  const start = segments.findIndex((segment) => PRIMARY.has(segment));
  if (start < 0) {
    throw new IdentifierError(`${quoted(uri, 128)} is not a GS1 Digital Link: https, a host, and a path as /01/...`);
  }
  const rest = segments.slice(start);
  const ais = rest.filter((_, i) => i % 2 === 0);
  const values = rest.filter((_, i) => i % 2).map((value) => unescape(value, PLAIN_IN_PATH));
  if (ais.length !== values.length) {
    throw new IdentifierError(`application identifier ${quoted(ais.at(-1))} has no value in ${quoted(uri, 128)}`);
  }
  const finest = finestOf(ais, values);
  const rows = PATHS.get(finest.map((i) => ais[i]).join("/"));
  if (rows === undefined) throw new IdentifierError(`application identifiers ${ais.join(", ")} make no key that events name`);
  const scheme = values[0].length > rows.at(-1).number.longest ? rows[0] : rows.at(-1);
  return made(scheme, finest.map((i) => values[i]), null);
}

/** Which of the elements make the key: the first, and of a trade item's qualifiers the last. */
function finestOf(ais, values) {
  const given = ais.slice(1), known = [...QUALIFIERS.keys()].filter((ai) => given.includes(ai));
  const inOrder = given.length === known.length && given.every((ai, i) => ai === known[i]);
  if (!["01", "8006"].includes(ais[0]) || !inOrder) return [...ais.keys()];
  given.forEach((ai, i) => QUALIFIERS.get(ai).check(values[i + 1]));
  const last = ais.at(-1);
  return last === ais[0] || last === "22" ? [0] : [0, ais.length - 1];
}

function made(scheme, values, prefixLength) {
  const none = scheme.absent && values.length === 2 && values[1] === scheme.absent;
  return new Key(scheme.name, Object.freeze(none ? values.slice(0, 1) : values), prefixLength);
}

function checkVisible(text) {
  if (!VISIBLE.test(text)) {
    throw new IdentifierError(`${quoted(text, 64)} is not a URI: 1 to ${MAX_URI_CHARS} visible ASCII characters`);
  }
}

/** The value that `text` spells, where only the characters `plain` may stand for themselves. */
function unescape(text, plain) {
  if (!madeOf(plain, text)) throw new IdentifierError(`${quoted(text, 64)} has characters that a URI escapes`);
  if (BROKEN_ESCAPE.test(text)) {
    throw new IdentifierError(`${quoted(text, 64)} has % without two hexadecimal digits`);
  }
  return text.includes("%") ? TO_VALUE.decode(unquote(text)) : text;
}

/** The bytes of an ASCII text with its escapes undone; what is no escape stays. */
function unquote(text) {
  const undone = text.replace(/%([0-9A-Fa-f]{2})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)));
  return encodeAscii(undone);
}

function escapedByte(byte) {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

/** At most `count` pieces; the last one holds what is left. */
function splitAtMost(text, separator, count) {
  const pieces = text.split(separator);
  return pieces.length <= count ? pieces : [...pieces.slice(0, count - 1), pieces.slice(count - 1).join(separator)];
}
