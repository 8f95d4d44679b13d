// The table of GS1 keys: which elements each is made of, and of which characters.
// Sources: GS1 General Specifications 3, 7.9 and 7.11; GS1 Tag Data Standard 2.0, 6.3.

import { IdentifierError } from "../errors.js";
import { countChars, quoted } from "../octets.js";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
export const DIGITS = new Set("0123456789");
/** GS1 General Specifications figure 7.11-2: characters of component and part identifiers. */
export const CSET39 = new Set([...DIGITS, ...LETTERS, ..."#-/"]);
/** GS1 General Specifications figure 7.11-1: characters of lots, serials and asset numbers. */
export const CSET82 = new Set([...LETTERS, ...LETTERS.toLowerCase(), ...DIGITS, ..."!\"%&'()*+,-./_:;<=>?"]);

const SET_NAMES = new Map([
  [DIGITS, "digits"],
  [CSET39, "characters of GS1 character set 39"],
  [CSET82, "characters of GS1 character set 82"],
]);

/** Whether a text is made of these characters only. */
export function madeOf(chars, text) {
  return [...text].every((char) => chars.has(char));
}

/** The GS1 check digit that belongs behind `digits` (GS1 General Specifications 7.9). */
export function checkDigit(digits) {
  const total = [...digits].reverse().reduce((sum, digit, i) => sum + Number(digit) * (i % 2 ? 1 : 3), 0);
  return String((10 - (total % 10)) % 10);
}

/** Whether a GTIN-14 or GLN is a restricted circulation number (General Specifications 1.4.2, 1.4.3). */
export function isRestricted(number) {
  if (number.length === 14 && number.startsWith("000000")) return number[6] === "0" || number[6] === "2";
  const prefix = number.slice(-13, -11);
  return prefix === "02" || prefix === "04" || prefix[0] === "2";
}

/** One piece of a key: how long it may be, of which characters it is made, and whether its last is a check digit. */
export class Part {
  constructor(name, shortest, longest, chars = CSET82, checked = false, zeroFirst = true) {
    Object.assign(this, { name, shortest, longest, chars, checked, zeroFirst });
    Object.freeze(this);
  }

  /** What is expected, in words: `1 to 20 characters of GS1 character set 82`. */
  get wanted() {
    const least = this.shortest === this.longest ? "" : `${this.shortest} to `;
    return `${least}${this.longest} ${SET_NAMES.get(this.chars)}`;
  }

  /** `text` itself. Throws IdentifierError that says what was expected. */
  check(text) {
    const size = countChars(text);
    if (size < this.shortest || size > this.longest) {
      throw new IdentifierError(`${quoted(text, 64)} is no ${this.name}: ${this.wanted}, not ${size}`);
    }
    if (!madeOf(this.chars, text)) {
      throw new IdentifierError(`${this.name} ${quoted(text)} has other characters: ${this.wanted}`);
    }
    if (this.checked && checkDigit(text.slice(0, -1)) !== text.at(-1)) {
      throw new IdentifierError(
        `${this.name} ${text} has check digit ${text.at(-1)}, it should be ${checkDigit(text.slice(0, -1))}`,
      );
    }
    if (!this.zeroFirst && text[0] === "0" && text !== "0") {
      throw new IdentifierError(`${this.name} ${text} begins with 0: write it without zeros in front`);
    }
    if (text === "." || text === "..") {
      throw new IdentifierError(`${quoted(text)} can be no ${this.name}: browsers take it for a step in a path`);
    }
    return text;
  }
}

/** A row of the table: a kind of key, its elements as [application identifier, parts], and its URN's form. */
export class Scheme {
  constructor(name, elements, { firstDigit = "", absent = "" } = {}) {
    Object.assign(this, { name, elements, firstDigit, absent });
    Object.freeze(this);
  }

  /** Whether the URN is a pattern, with * in the place of a serial number. */
  get pattern() {
    return this.name.startsWith("idpat:");
  }

  get ais() {
    return this.elements.map(([ai]) => ai);
  }

  /** The key proper. */
  get number() {
    return this.elements[0][1][0];
  }

  get parts() {
    return this.elements.flatMap(([, parts]) => parts);
  }

  /** Values of elements as [part, text]: of a value, every part but the last has one length. */
  split(values) {
    return values.flatMap((value, i) => {
      let start = 0;
      return this.elements[i][1].map((part, at, parts) => {
        const text = value.slice(start, at === parts.length - 1 ? undefined : start + part.longest);
        start += part.longest;
        return [part, text];
      });
    });
  }

  /** Parts as values of elements: the opposite of `split`. */
  join(texts) {
    const left = [...texts];
    return this.elements.map(([, parts]) => left.splice(0, parts.length).join(""));
  }
}

function numbered(name, digits) {
  return new Part(name, digits, digits, DIGITS, true);
}

export const GTIN = numbered("GTIN", 14);
export const GLN = numbered("GLN", 13);
export const LOT = new Part("lot", 1, 20);
export const SERIAL = new Part("serial number", 1, 20);
const GRAI = numbered("GRAI", 14), GDTI = numbered("GDTI", 13), GCN = numbered("GCN", 13);
const CPI = new Part("component or part identifier", 5, 30, CSET39);
const CPI_SERIAL = new Part("serial number", 1, 12, DIGITS, false, false);
const PIECE = [GTIN, new Part("piece", 2, 2, DIGITS), new Part("total of pieces", 2, 2, DIGITS)];
export const QUALIFIERS = new Map([["22", new Part("consumer product variant", 1, 20)], ["10", LOT], ["21", SERIAL]]);

const MOVED = { firstDigit: "moved" }, ZERO = { firstDigit: "zero" };
/** The one table of keys. A class without its serial stands behind the key that has one. */
export const KEYS = [
  new Scheme("id:sgtin", [["01", [GTIN]], ["21", [SERIAL]]], MOVED),
  new Scheme("id:upui", [["01", [GTIN]], ["235", [new Part("third-party serial number", 1, 28)]]], MOVED),
  new Scheme("class:lgtin", [["01", [GTIN]], ["10", [LOT]]], MOVED),
  new Scheme("idpat:sgtin", [["01", [GTIN]]], MOVED),
  new Scheme("id:itip", [["8006", PIECE], ["21", [SERIAL]]], MOVED),
  new Scheme("idpat:itip", [["8006", PIECE]], MOVED),
  new Scheme("id:sscc", [["00", [numbered("SSCC", 18)]]], MOVED),
  new Scheme("id:sgln", [["414", [GLN]], ["254", [new Part("GLN extension", 1, 20)]]], { absent: "0" }),
  new Scheme("id:pgln", [["417", [GLN]]]),
  new Scheme("id:grai", [["8003", [GRAI, new Part("serial number", 1, 16)]]], ZERO),
  new Scheme("idpat:grai", [["8003", [GRAI]]], ZERO),
  new Scheme("id:giai", [["8004", [new Part("GIAI", 5, 30)]]]),
  new Scheme("id:gsrn", [["8018", [numbered("GSRN", 18)]]]),
  new Scheme("id:gsrnp", [["8017", [numbered("GSRN", 18)]]]),
  new Scheme("id:gdti", [["253", [GDTI, new Part("serial number", 1, 17)]]]),
  new Scheme("idpat:gdti", [["253", [GDTI]]]),
  new Scheme("id:cpi", [["8010", [CPI]], ["8011", [CPI_SERIAL]]]),
  new Scheme("idpat:cpi", [["8010", [CPI]]]),
  new Scheme("id:sgcn", [["255", [GCN, new Part("serial number", 1, 12, DIGITS)]]]),
  new Scheme("idpat:sgcn", [["255", [GCN]]]),
  new Scheme("id:ginc", [["401", [new Part("GINC", 5, 30)]]]),
  new Scheme("id:gsin", [["402", [numbered("GSIN", 17)]]]),
];
