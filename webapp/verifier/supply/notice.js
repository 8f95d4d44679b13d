// Document notices: a party says which file it deposited about a stream. The file itself stays outside.
//
// The claim `notice` has six members, each a disclosure of its own: subject, purpose, sha256, size, mediaType and
// name. Only the name may be withheld or erased: it is the one that somebody types.

import { StatementError } from "../errors.js";
import { Kind, parseStream } from "../identifiers.js";
import { countChars, quoted } from "../octets.js";
import * as sdjwt from "../signing/sdjwt.js";
import { MAX_INTEGER } from "../signing/strictjson.js";

const CLAIM = "notice";
const NAME = "name";
const KEPT = ["mediaType", "purpose", "sha256", "size", "subject"];
const MAX_NAME = 128;
const SUBJECTS = [Kind.BATCH, Kind.ASSET, Kind.DEPOSITS];
const PURPOSES = ["analysis", "certificate", "inspection", "transport", "picture", "verifier", "other"];
const SHA256 = /^[0-9a-f]{64}$/;
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}$/;
/** Separators of paths, hidden files, control characters, and what turns or hides the text around it. */
const UNWANTED =
  /[\0-\x1f\x7f-\x9f/\\\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\u{e0000}-\u{e0fff}]|^[ .]|[ .]$/u;

/** What a notice says of a file; `name` is null where it is withheld or was erased. Throws StatementError, IdentifierError. */
export class Notice {
  constructor({ subject, purpose, sha256, size, mediaType, name }) {
    if (!SUBJECTS.includes(parseStream(subject).kind)) {
      throw new StatementError(`a document is about a batch, an asset or a party, not ${quoted(subject)}`);
    }
    if (!SHA256.test(sha256)) throw new StatementError("sha256 is 64 lower-case hexadecimal digits");
    if (!(size >= 0 && size <= MAX_INTEGER)) throw new StatementError(`no file has ${size} bytes`);
    if (!MEDIA_TYPE.test(mediaType)) throw new StatementError(`${quoted(mediaType)} is no media type in lower case`);
    if (name !== null) requireName(name);
    Object.assign(this, { subject, purpose, sha256, size, mediaType, name });
    Object.freeze(this);
  }

  /** The members by their names in the statement. */
  members() {
    const { mediaType, name, purpose, sha256, size, subject } = this;
    return { mediaType, name, purpose, sha256, size, subject };
  }
}

/** Checks the name of a file: one that every system can store, and that reads as it is written. Throws StatementError. */
export function requireName(name) {
  const count = countChars(name);
  if (count < 1 || count > MAX_NAME) {
    throw new StatementError(`the name of a file has 1 to ${MAX_NAME} characters, this has ${count}`);
  }
  const found = UNWANTED.exec(name);
  if (found) throw new StatementError(`the name of a file cannot have ${quoted(found[0])} there`);
}

/** What a notice says, as far as it is disclosed. Throws StatementError, IdentifierError. */
export function readNotice(statement, disclosures) {
  const { claims, hidden, paths } = sdjwt.reveal(statement.payload, disclosures), members = claims.get(CLAIM);
  if (!isNamed(claims, ["iss", "iat", CLAIM]) || !(members instanceof Map)) {
    throw new StatementError(`a notice has the claims iss, iat and ${CLAIM}`);
  }
  const isOpen = members.has(NAME);
  if (!isNamed(members, isOpen ? [...KEPT, NAME] : KEPT)) {
    throw new StatementError(`a notice shows ${KEPT.join(", ")}, and at most its name beside them`);
  }
  const places = [...paths.values()];
  if (places.length !== members.size || places.some((path) => path.length !== 2 || path[0] !== CLAIM)) {
    throw new StatementError("every member of a notice is a disclosure of its own");
  }
  if (hidden !== (isOpen ? 0 : 1)) throw new StatementError("a notice withholds its name or nothing");
  return noticeOf(members);
}

function isNamed(members, names) {
  return members.size === names.length && names.every((name) => members.has(name));
}

function noticeOf(members) {
  const size = members.get("size"), purpose = members.get("purpose");
  const texts = [...["subject", "sha256", "mediaType"].map((name) => members.get(name)), members.get(NAME) ?? ""];
  if (texts.some((text) => typeof text !== "string") || members.get(NAME) === null || typeof size !== "number") {
    throw new StatementError("the size of a notice is a whole number, its other members are texts");
  }
  if (!PURPOSES.includes(purpose)) throw new StatementError(`${quoted(purpose)} is no purpose of a document`);
  const [subject, sha256, mediaType] = texts;
  return new Notice({ subject, purpose, sha256, size, mediaType, name: members.get(NAME) ?? null });
}
