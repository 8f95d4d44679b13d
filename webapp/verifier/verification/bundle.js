// A bundle: one JSON file with everything needed to check one batch offline (docs/formats.md, Bundle).
// There is exactly one text for one bundle. No policy travels in it: trust never comes from a bundle.

import { sha256 } from "../crypto.js";
import { BundleError, MalformedError, OversizeError } from "../errors.js";
import { decodeBase64 } from "../ledger/lines.js";
import { Record, SALT_SIZE, commit, parseTime } from "../ledger/record.js";
import { Presence } from "../ledger/state.js";
import * as media from "../media.js";
import { encodeUtf8, isAscii } from "../octets.js";
import * as sdjwt from "../signing/sdjwt.js";
import { MAX_DEPTH, jsonDecodeCanonical } from "../signing/strictjson.js";

export const VERSION = 1;
export const MAX_BYTES = 64 * 1024 * 1024;
export const MAX_PROOF = 63;
/** So many checkpoints a bundle proves at most. */
export const MAX_LEAVES = 64;
const AUDIENCES = new Set(["public", "partner", "regulator"]);
const DIGEST = /^[0-9a-f]{64}$/;

/** Where a stream stands in the state tree; count and head follow from its records. */
export class Place {
  constructor(index, bucketSize, bucketProof, topProof) {
    Object.assign(this, { index, bucketSize, bucketProof, topProof });
    Object.freeze(this);
  }

  /** The proof, once count and head are known. */
  presence(count, head) {
    return new Presence(count, head, this.index, this.bucketSize, this.bucketProof, this.topProof);
  }
}

/** Consecutive records of one stream, from number `first` on; `prev` is the hash before them. */
export class Stretch {
  constructor(uri, first, prev, links, place) {
    Object.assign(this, { uri, first, prev, links, place });
    Object.freeze(this);
  }

  /** The records, with everything that follows from what is before them. */
  records() {
    const made = [];
    let prev = this.prev;
    this.links.forEach(({ timeMs, mediaType, salt, sha256: digest }, i) => {
      made.push(new Record(this.uri, this.first + i, prev, timeMs, mediaType, commit(digest, salt)));
      prev = made.at(-1).hash;
    });
    return made;
  }
}

/** Read a bundle. Throws OversizeError; BundleError for anything but the one text of a bundle. */
export function parseBundle(data) {
  if (data.length > MAX_BYTES) {
    throw new OversizeError(`a bundle has at most ${MAX_BYTES} bytes, this has ${data.length}`);
  }
  try {
    return readBundle(data);
  } catch (error) {
    if (!(error instanceof MalformedError) || error instanceof BundleError) throw error;
    throw new BundleError(`not a bundle: ${error.message}`);
  }
}

function readBundle(data) {
  const raw = jsonDecodeCanonical(data, MAX_DEPTH, MAX_BYTES);
  if (raw === null) {
    throw new BundleError("this is not the one text of this bundle: white space, order or escapes differ");
  }
  const bundle = object(raw, "a bundle", readers);
  requireOrder(bundle.disclosures);
  const disclosures = new Map([...bundle.disclosures].map(([digest, texts]) => [digest, Object.freeze(texts)]));
  return Object.freeze({
    subject: bundle.subject,
    audience: bundle.audience,
    checkpoint: encodeUtf8(bundle.checkpoint),
    stateLeaf: encodeUtf8(bundle.state.leaf),
    stateProof: bundle.state.proof,
    streams: Object.freeze(bundle.streams.map(stretch)),
    disclosures,
    times: bundle.times && timeline(bundle.times),
  });
}

const hashes = listOf(base64(32), MAX_PROOF);
const placeReaders = { index: count, bucket_size: count, bucket_proof: hashes, top_proof: hashes };
const linkReaders = {
  time: (value, where) => parseTime(text(value, where)),
  type: oneOf(media.RECORDED),
  salt: base64(SALT_SIZE),
  statement: optional(base64()),
  sha256: optional(base64(32)),
};
const stretchReaders = {
  uri: text,
  first: count,
  prev: base64(32),
  records: listOf(objectOf(linkReaders)),
  place: (value, where) => (value === null ? null : object(value, where, placeReaders)),
};
const readers = {
  type: oneOf(new Set([media.BUNDLE])),
  version: oneOf(new Set([VERSION])),
  subject: text,
  audience: oneOf(AUDIENCES),
  checkpoint: text,
  state: objectOf({ leaf: text, proof: hashes }),
  streams: listOf(objectOf(stretchReaders)),
  disclosures: disclosuresOf,
  times: optional(objectOf({ leaves: listOf(text, MAX_LEAVES), anchors: listOf(anchor), proof: listOf(base64(32)) })),
};

/** An object with exactly the members of a table, each read by its row. */
function object(value, where, table) {
  if (!(value instanceof Map)) throw new BundleError(`${where}: an object is needed`);
  for (const name of value.keys()) {
    if (!Object.hasOwn(table, name)) throw new BundleError(`${where}/${name}: unknown field`);
  }
  const read = {};
  for (const [name, reader] of Object.entries(table)) {
    if (!value.has(name) && !reader.isOptional) throw new BundleError(`${where}/${name} is missing`);
    read[name] = value.has(name) ? reader(value.get(name), `${where}/${name}`) : null;
  }
  return read;
}

function objectOf(table) {
  return (value, where) => object(value, where, table);
}

function optional(reader) {
  return Object.assign((value, where) => reader(value, where), { isOptional: true });
}

function listOf(reader, most = Infinity) {
  return (value, where) => {
    if (!Array.isArray(value)) throw new BundleError(`${where}: a list is needed`);
    if (value.length > most) throw new BundleError(`${where}: at most ${most} are read`);
    return Object.freeze(value.map((item, i) => reader(item, `${where}/${i}`)));
  };
}

function text(value, where) {
  if (typeof value !== "string") throw new BundleError(`${where}: a text is needed`);
  return value;
}

function count(value, where) {
  if (!Number.isSafeInteger(value) || value < 0) throw new BundleError(`${where}: a whole number is needed`);
  return value;
}

function oneOf(allowed) {
  return (value, where) => {
    if (!allowed.has(value)) throw new BundleError(`${where}: not one of those that are allowed`);
    return value;
  };
}

function base64(size = null) {
  return (value, where) => {
    const decoded = decodeBase64(text(value, where));
    if (size !== null && decoded.length !== size) throw new BundleError(`${where}: ${size} bytes are needed`);
    return decoded;
  };
}

function anchor(value, where) {
  const places = listOf(count)(value, where);
  if (places.length !== 3) throw new BundleError(`${where}: three numbers are needed`);
  const [stream, seq, index] = places;
  return Object.freeze({ stream, seq, index });
}

/** The checkpoints that beacons name, and where records stand to them; nothing in it is verified yet. */
function timeline({ leaves, anchors, proof }) {
  if (!leaves.length) throw new BundleError("times: a state leaf is needed");
  return Object.freeze({ leaves: leaves.map(encodeUtf8), anchors, proof });
}

function disclosuresOf(value, where) {
  if (!(value instanceof Map)) throw new BundleError(`${where}: an object is needed`);
  const texts = listOf(text);
  for (const digest of value.keys()) {
    if (!DIGEST.test(digest)) throw new BundleError(`${where}/${digest}: 64 hexadecimal digits are needed`);
  }
  return new Map([...value].map(([digest, list]) => [digest, texts(list, `${where}/${digest}`)]));
}

function requireOrder(disclosures) {
  for (const [statement, texts] of disclosures) {
    const digests = texts.filter(isAscii).map(sdjwt.digestOf);
    const ascending = digests.every((digest, i) => i === 0 || digests[i - 1] < digest);
    if (!digests.length || digests.length !== texts.length || !ascending) {
      throw new BundleError(`the disclosures of ${statement} are not each there once, by their digests`);
    }
  }
}

function stretch({ uri, first, prev, records, place }) {
  const found = place && new Place(place.index, place.bucket_size, place.bucket_proof, place.top_proof);
  return new Stretch(uri, first, prev, Object.freeze(records.map(link)), found);
}

/** One record as a bundle carries it; `statement` is null where it is withheld. */
function link({ time, type, salt, statement, sha256: digest }) {
  if ((statement === null) === (digest === null)) {
    throw new BundleError("a record has either a statement or the sha256 of one that is withheld");
  }
  return Object.freeze({ timeMs: time, mediaType: type, salt, sha256: digest ?? sha256(statement), statement });
}
