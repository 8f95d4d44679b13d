// GS1 keys: one table of them, and one reader for each of their two forms.

export { Key, MAX_URI_CHARS, decodeValue, encodeValue, parseDigitalLink, parseKey, parseUrn } from "./keys.js";
export { CSET82, GLN, GTIN, KEYS, LOT, Part, Scheme, checkDigit, isRestricted } from "./table.js";
