// GS1 keys, Digital Link URIs and the URIs of streams, each in its one form (GS1 Digital Link URI
// syntax 1.2, 4, and RFC 3986 2.3). Numbers of restricted circulation stand under a node's own name.

import { IdentifierError } from "./errors.js";
import * as gs1 from "./gs1/index.js";
import { isAscii, quoted } from "./octets.js";

export { checkDigit, decodeValue, encodeValue, isRestricted } from "./gs1/index.js";

export const GS1_HOST = "id.gs1.org";
export const MAX_STREAM_BYTES = 512;

const NODE = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const DEVICE = /^[0-9a-f]{32}$/;
const PSEUDONYM = /^[0-9a-f]{16}$/;
const PARTY = /^(?:\/party\/([0-9a-f]{16})|\/417\/([0-9]{13}))$/;
const ASSET_NUMBER = new gs1.Part("asset number", 1, 30);

/** A GTIN-8, -12, -13 or -14 as its 14 digits. */
export function parseGtin(text) {
  if (![8, 12, 13, 14].includes(text.length)) {
    throw new IdentifierError(`${quoted(text, 64)} is no GTIN: 8, 12, 13 or 14 digits`);
  }
  return gs1.GTIN.check(text.padStart(14, "0"));
}

/** A GLN of 13 digits. */
export function parseGln(text) {
  return gs1.GLN.check(text);
}

/** A batch or lot number (AI 10): 1 to 20 characters of GS1 character set 82. */
export function parseLot(text) {
  return gs1.LOT.check(text);
}

/** An individual asset number (AI 8004): 1 to 30 characters of GS1 character set 82. */
export function parseGiai(text) {
  return ASSET_NUMBER.check(text);
}

/** A node's name: a lower-case host name without port, and not the one that all nodes share. */
export function parseNodeName(text) {
  if (parseHost(text) === GS1_HOST) {
    throw new IdentifierError(`${GS1_HOST} is the name of GS1's own numbers: choose a name that no one else has`);
  }
  return text;
}

/** A device's id: 32 lower-case hexadecimal digits. */
export function parseDeviceId(text) {
  if (!DEVICE.test(text)) {
    throw new IdentifierError(`${quoted(text, 64)} is not a device id: 32 lower-case hexadecimal digits`);
  }
  return text;
}

/** A batch: GTIN-14 and lot. Both are checked when it is made. */
export class Batch {
  constructor(gtin, lot) {
    if (gtin.length !== 14 || parseGtin(gtin) !== gtin) {
      throw new IdentifierError(`${quoted(gtin)} is not a GTIN of 14 digits`);
    }
    Object.assign(this, { gtin, lot: parseLot(lot) });
    Object.freeze(this);
  }

  /** The Digital Link path, from `/01/`. */
  get path() {
    return `/01/${this.gtin}/10/${gs1.encodeValue(this.lot)}`;
  }

  /** The batch's stream URI as seen from `node`. */
  uri(node) {
    return `https://${gs1.isRestricted(this.gtin) ? node : GS1_HOST}${this.path}`;
  }
}

/** What a stream is the history of. */
export const Kind = Object.freeze({
  BATCH: "batch",
  ITEM: "item",
  LOGISTIC_UNIT: "logistic-unit",
  OBJECT: "object",
  ASSET: "asset",
  DEVICE_KEYS: "device-keys",
  PARTY_KEYS: "party-keys",
  PARTY_EVENTS: "party-events",
  DEPOSITS: "deposits",
});

/** A stream's URI, taken apart: kind, host, and the values of its path. */
export class Stream {
  constructor(uri, kind, host, values) {
    Object.assign(this, { uri, kind, host, values });
    Object.freeze(this);
  }

  /** The batch of a batch stream. Throws IdentifierError for a stream of another kind. */
  get batch() {
    if (this.kind !== Kind.BATCH) throw new IdentifierError(`${this.uri} is not a batch`);
    return new Batch(...this.values);
  }
}

const OBJECTS = ["grai", "gsrn", "gsrnp", "gdti", "cpi", "sgcn", "ginc", "gsin", "itip", "upui"];
/** GS1 keys that have a stream, by their scheme. Places and parties have none. */
const STREAMS = new Map([
  ["class:lgtin", Kind.BATCH],
  ["id:sgtin", Kind.ITEM],
  ["id:sscc", Kind.LOGISTIC_UNIT],
  ["id:giai", Kind.ASSET],
  ...OBJECTS.map((name) => [`id:${name}`, Kind.OBJECT]),
]);

/** Streams that stand only under the name of a node: a new kind is a new row. */
const OWN_STREAMS = [
  [Kind.ASSET, /^\/8004\/([^/?#]+)$/],
  [Kind.DEVICE_KEYS, /^\/stream\/keys\/device\/([0-9a-f]{32})$/],
  [Kind.PARTY_KEYS, /^\/stream\/keys\/party\/([0-9]{13}|[0-9a-f]{16})$/],
  [Kind.PARTY_EVENTS, /^\/stream\/events\/([0-9]{13}|[0-9a-f]{16})$/],
  [Kind.DEPOSITS, /^\/stream\/deposits\/([0-9]{13}|[0-9a-f]{16})$/],
];

/** Take a stream's URI apart; anything but its canonical form is refused. */
export function parseStream(uri) {
  const [host, path] = split(uri);
  for (const [kind, pattern] of OWN_STREAMS) {
    const found = pattern.exec(path);
    if (found && host !== GS1_HOST) {
      return new Stream(uri, kind, host, Object.freeze([checkOwn(kind, gs1.decodeValue(found[1]))]));
    }
  }
  const key = gs1.parseDigitalLink(uri);
  if (key.path !== path || !STREAMS.has(key.scheme)) {
    throw new IdentifierError(`${quoted(uri, 128)} is not the URI of a stream of a known kind in its one form`);
  }
  if (key.restricted === (host === GS1_HOST)) {
    throw new IdentifierError(`${key.path} does not belong under host ${host}`);
  }
  return new Stream(uri, STREAMS.get(key.scheme), host, key.values);
}

function checkOwn(kind, value) {
  if (kind === Kind.ASSET) return parseGiai(value);
  return value.length === 13 ? parseGln(value) : value;
}

/** The one URI of what an EPC URN or a GS1 Digital Link names; any other text as it is. Never throws. */
export function canonical(uri, node) {
  return uri.length <= gs1.MAX_URI_CHARS ? readKey(uri, node)[0] : uri;
}

/** The stream of the batch, item, logistic unit, asset or other thing named by `uri`, or null. Never throws. */
export function streamOf(uri, node) {
  return uri.length <= gs1.MAX_URI_CHARS ? readKey(uri, node)[1] : null;
}

/** A canonical URI, and the same again if it has a stream. */
function readKey(uri, node) {
  const key = attempt(() => gs1.parseKey(uri));
  if (key === null) return [uri, attempt(() => parseStream(uri))?.kind === Kind.ASSET ? uri : null];
  const home = `https://${hostOf(uri, node, key)}${key.path}`;
  return [home, STREAMS.has(key.scheme) ? home : null];
}

function attempt(read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof IdentifierError) return null;
    throw error;
  }
}

/** The host of a key that was written as `uri`. */
function hostOf(uri, node, key) {
  const [, , written, first] = uri.includes("://") ? uri.split("/") : ["", "", "", ""];
  const host = key.path.startsWith(`/${first}/`) ? written.toLowerCase() : "";
  if (key.restricted) return NODE.test(host) && host !== GS1_HOST ? host : node;
  return key.scheme === "id:giai" && host === node ? node : GS1_HOST;
}

/** The URI by which a device names itself (CWT claim `iss`). */
export function deviceUri(node, device) {
  return `https://${parseNodeName(node)}/device/${parseDeviceId(device)}`;
}

/** The stream of a device's keys. */
export function deviceKeys(node, device) {
  return `https://${parseNodeName(node)}/stream/keys/device/${parseDeviceId(device)}`;
}

/** A party's URI: from a GLN, or from a pseudonym of 16 hexadecimal digits. */
export function partyUri(node, party) {
  if (PSEUDONYM.test(party)) return `https://${parseNodeName(node)}/party/${party}`;
  const gln = parseGln(party);
  return `https://${gs1.isRestricted(gln) ? node : GS1_HOST}/417/${gln}`;
}

/** The stream of a party's keys; `party` is a party's URI. */
export function partyKeys(node, party) {
  return `https://${parseNodeName(node)}/stream/keys/party/${parseParty(party)}`;
}

/** The stream of a party's events that name nothing with a stream; `party` is a party's URI. */
export function partyEvents(node, party) {
  return `https://${parseNodeName(node)}/stream/events/${parseParty(party)}`;
}

/** The stream of what a party deposits about nothing but itself; `party` is a party's URI. */
export function partyDeposits(node, party) {
  return `https://${parseNodeName(node)}/stream/deposits/${parseParty(party)}`;
}

/** The GLN or pseudonym inside a party's URI. */
export function parseParty(uri) {
  const [host, path] = split(uri);
  const found = PARTY.exec(path);
  if (!found || (found[1] && host === GS1_HOST)) {
    throw new IdentifierError(`${quoted(uri, 128)} is not the URI of a party`);
  }
  if (found[2] && gs1.isRestricted(parseGln(found[2])) === (host === GS1_HOST)) {
    throw new IdentifierError(`GLN ${found[2]} does not belong under host ${host}`);
  }
  return found[1] || found[2];
}

/** The name of a node's log, first line of its checkpoints. */
export function logOrigin(node) {
  return `${parseNodeName(node)}/log`;
}

function split(uri) {
  if (uri.length > MAX_STREAM_BYTES || !isAscii(uri)) {
    throw new IdentifierError(`a URI has at most ${MAX_STREAM_BYTES} ASCII bytes`);
  }
  const [scheme, ...rest] = uri.split("://");
  const [host, ...path] = rest.join("://").split("/");
  if (scheme !== "https" || !path.length) {
    throw new IdentifierError(`${quoted(uri, 128)} is not an https URI with a path`);
  }
  return [parseHost(host), `/${path.join("/")}`];
}

function parseHost(text) {
  if (!NODE.test(text)) {
    throw new IdentifierError(`${quoted(text, 64)} is not a node name: a lower-case host name such as node.example`);
  }
  return text;
}
