// What a verifier pins beforehand: the log's key, the registrar's key, and who must have cosigned.
// A C2SP tlog-policy with one item more, `registrar`. What is not known here is refused, never ignored.

import { TraceabilityError } from "../errors.js";
import * as lines from "../ledger/lines.js";
import * as note from "../ledger/note.js";
import { decodeUtf8, toHex } from "../octets.js";
import { Group, NO_WITNESSES, Quorum, Witness, policyError, shown } from "./quorum.js";

export const MAX_BYTES = 65_536;
const LONE = /\p{Cs}/u;
const VALUES = new Map([
  ["log", [1, 2]],
  ["registrar", [1, 1]],
  ["witness", [2, 3]],
  ["group", [2, 99]],
  ["quorum", [1, 1]],
]);

/** The pinned keys; `log.name` is the log's origin. Throws BundleError. */
export class Policy {
  constructor(log, registrar, quorum = NO_WITNESSES, logUrl = null) {
    const operator = [log, registrar];
    if (operator.some(({ kind }) => kind !== note.ED25519)) {
      throw policyError("the keys of a log and of a registrar are for Ed25519 signatures (type 1)");
    }
    for (const { name, key } of quorum.witnesses) {
      if (operator.some((pinned) => toHex(pinned.key.raw) === toHex(key.key.raw))) {
        throw policyError(`witness ${shown(name)} has the log's or the registrar's own key`);
      }
      if (key.name === log.name && toHex(key.keyId) === toHex(log.keyId)) {
        throw policyError(`a note cannot tell the key of witness ${shown(name)} from the log's`);
      }
    }
    Object.assign(this, { log, registrar, quorum, logUrl });
    Object.freeze(this);
  }

  /** The name of the node whose log this is. */
  get node() {
    return this.log.name.endsWith("/log") ? this.log.name.slice(0, -"/log".length) : this.log.name;
  }
}

/** Read a policy file from its octets, or from its text. Throws BundleError. */
export function parsePolicy(text) {
  const draft = new Draft();
  linesOf(text).forEach((line, index) => {
    const words = line.match(/[^ \t]+/g) ?? [];
    if (!words.length || words[0].startsWith("#")) return;
    try {
      draft.take(words[0], words.slice(1));
    } catch (error) {
      if (!(error instanceof TraceabilityError)) throw error;
      throw policyError(`policy line ${index + 1}: ${error.message}`);
    }
  });
  return draft.policy();
}

/** A policy so far; each line sees only what stands before it. */
class Draft {
  pinned = new Map();
  logUrl = null;
  quorum = NO_WITNESSES;
  decided = false;

  take(item, values) {
    if (!VALUES.has(item)) throw policyError(`${shown(item)} is not read by this version`);
    const [least, most] = VALUES.get(item);
    if (values.length < least || values.length > most) throw policyError(`${item} with ${values.length} values`);
    const { witnesses, groups, wanted } = this.quorum;
    if (item === "witness") {
      const witness = new Witness(values[0], vkey(values[1]), values[2]);
      this.quorum = new Quorum([...witnesses, witness], groups, wanted);
    } else if (item === "group") {
      const group = new Group(values[0], threshold(values[1], values.length - 2), values.slice(2));
      this.quorum = new Quorum(witnesses, [...groups, group], wanted);
    } else if (item === "quorum") {
      this.decide(values[0]);
    } else {
      this.pin(item, ...values);
    }
  }

  policy() {
    if (this.pinned.size !== 2 || !this.pinned.get("log").name.endsWith("/log")) {
      throw policyError("a policy names one log, whose name ends in /log, and one registrar");
    }
    if (!this.decided) throw policyError("a policy has one quorum line; without witnesses it is: quorum none");
    return new Policy(this.pinned.get("log"), this.pinned.get("registrar"), this.quorum, this.logUrl);
  }

  decide(name) {
    if (this.decided) throw policyError("'quorum' stands twice");
    this.quorum = new Quorum(this.quorum.witnesses, this.quorum.groups, name);
    this.decided = true;
  }

  pin(item, word, url = null) {
    if (this.pinned.has(item)) throw policyError(`${item} stands twice: a policy of this version is for one log`);
    this.pinned.set(item, vkey(word));
    this.logUrl = url ?? this.logUrl;
  }
}

function linesOf(text) {
  const data = typeof text === "string" ? new TextEncoder().encode(text) : text;
  if (data.length > MAX_BYTES) throw policyError(`a policy has at most ${MAX_BYTES} bytes`);
  if (data.some((octet) => octet === 0x7f || (octet < 0x20 && octet !== 0x09 && octet !== 0x0a))) {
    throw policyError("a policy has no control characters but tab and newline (no carriage returns)");
  }
  const whole = decodeEscaped(data).split("\n");
  if (whole.pop()) throw policyError("the last line does not end with a newline: the file may be cut off");
  return whole;
}

/** The text of octets; what is not UTF-8 stands in it as lone surrogates, one for an octet (PEP 383). */
function decodeEscaped(data) {
  const whole = decodeUtf8(data);
  if (whole !== null) return whole;
  const parts = [];
  for (let at = 0; at < data.length; ) {
    const size = [1, 2, 3, 4].find((length) => at + length <= data.length && isCharacter(data.subarray(at, at + length)));
    parts.push(size ? decodeUtf8(data.subarray(at, at + size)) : String.fromCharCode(0xdc00 + data[at]));
    at += size ?? 1;
  }
  return parts.join("");
}

function isCharacter(octets) {
  return decodeUtf8(octets) !== null;
}

function vkey(word) {
  if (LONE.test(word)) throw policyError(`not a vkey: ${shown(word)}`);
  return note.parseVkey(word);
}

function threshold(word, members) {
  if (word === "all" || word === "any") return word === "all" ? members : 1;
  return lines.decodeInteger(word);
}
