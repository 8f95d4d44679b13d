// Checking the statements of a bundle: who signed each, and that it speaks about its stream.

import {
  BundleError, ChainMismatchError, SubjectMismatchError, TraceabilityError, UnknownSignerError,
} from "../errors.js";
import { Kind, parseStream, partyDeposits } from "../identifiers.js";
import { parseStayAmend, parseStayClose, parseStayOpen } from "../ledger/stay.js";
import * as media from "../media.js";
import { equalBytes, toHex } from "../octets.js";
import { DeviceStatement, parseStatement } from "../sensing/frame.js";
import { EVENT_CLAIM } from "../signing/disclosure.js";
import { KEPT_CLAIM, keptMembers } from "../signing/kept.js";
import * as sdjwt from "../signing/sdjwt.js";
import { b64urlDecode, jsonDecode } from "../signing/strictjson.js";
import { enteredAsset, eventTimeMs, streamsFor } from "../supply/epcis/events.js";
import { readNotice } from "../supply/notice.js";
import { recallOf } from "../supply/recall.js";
import { Document, Happening } from "./journey.js";

const ALWAYS = ["type", "eventTime"];
const STAYS = new Map([
  [media.STAY_OPEN, parseStayOpen],
  [media.STAY_CLOSE, parseStayClose],
  [media.STAY_AMEND, parseStayAmend],
]);

/**
 * A stretch whose records chain and whose statements are genuine; a content is null where it is withheld.
 * `suspected` are the places of devices' statements that came while misuse of the key was suspected, `rotations`
 * those of the devices that speak here.
 */
export class Checked {
  constructor(stretch, records, contents, { suspected, rotations }) {
    Object.assign(this, { stretch, records, contents, suspected, rotations });
    Object.freeze(this);
  }

  /** The number after its last record. */
  get end() {
    return this.stretch.first + this.records.length;
  }

  /** The record hash before number `count`. */
  headAt(count) {
    return count === this.stretch.first ? this.stretch.prev : this.records[count - this.stretch.first - 1].hash;
  }

  /** The contents of records `first` up to but not including `end`. */
  between(first, end) {
    return this.contents.slice(first - this.stretch.first, end - this.stretch.first);
  }
}

/**
 * Check every statement of a stretch of a batch's or an asset's stream; yields after each.
 * Throws SubjectMismatchError, ChainMismatchError, SignatureMismatchError, UnknownSignerError, MalformedError.
 */
export function* checkStatements(stretch, records, disclosures, signers) {
  const seen = new Set(), contents = [];
  for (const [i, link] of stretch.links.entries()) {
    const record = records[i], digest = toHex(link.sha256);
    if (seen.has(digest)) {
      throw new ChainMismatchError(`the statement of record ${record.seq} stands twice in ${stretch.uri}`);
    }
    seen.add(digest);
    try {
      contents.push(openStatement(link.statement, link.sha256, record, disclosures, signers));
    } catch (error) {
      if (error instanceof TraceabilityError) error.addNote(`record ${record.seq} of ${record.stream}`);
      throw error;
    }
    yield;
  }
  const said = contents.filter((content) => content instanceof DeviceStatement);
  const devices = new Set(said.map(({ device }) => device));
  const rotations = signers.rotations.filter(({ device }) => devices.has(device));
  checkDeviceChains([...said, ...rotations]);
  const suspected = suspectedOf(records, contents, signers);
  return new Checked(stretch, records, Object.freeze(contents), { suspected, rotations });
}

function suspectedOf(records, contents, signers) {
  const isSuspected = ([i, content]) =>
    content instanceof DeviceStatement && signers.byKid.get(toHex(content.kid)).suspectedAt(records[i].timeMs);
  return new Set([...contents.entries()].filter(isSuspected).map(([i]) => i));
}

/** What stands behind a record; `digest` is the statement's SHA-256. */
export function openStatement(body, digest, record, disclosures, signers) {
  if (body === null) return null;
  if (record.mediaType === media.EVENT) return eventOf(body, record, disclosures.get(toHex(digest)) ?? [], signers);
  if (record.mediaType === media.NOTICE) {
    return documentOf(body, digest, record, disclosures.get(toHex(digest)) ?? [], signers);
  }
  if (STAYS.has(record.mediaType)) {
    const stay = STAYS.get(record.mediaType)(body);
    about(record, [stay.batch]);
    return stay;
  }
  if (media.MEASURED.has(record.mediaType)) return deviceStatement(body, digest, record, signers);
  throw new BundleError(`${record.mediaType} is not checked by this version`);
}

function eventOf(body, record, disclosures, signers) {
  const statement = sdjwt.parse(body, media.EVENT), signer = partyOf(statement, record, signers);
  const revealed = sdjwt.reveal(statement.payload, disclosures), event = revealed.claims.get(EVENT_CLAIM);
  if (!(event instanceof Map) || !showsEnough(revealed.claims, event, disclosures)) {
    throw new BundleError(`record ${record.seq} of ${record.stream} does not show what happened when`);
  }
  const node = parseStream(signer.stream).host, entered = enteredAsset(event, node);
  about(record, [...streamsFor(event, node, signer.subject), ...(entered === null ? [] : [entered])]);
  return new Happening({
    seq: Number(record.seq),
    event,
    recall: recallOf(event),
    hidden: revealed.hidden,
    party: signer.subject,
    node,
    custody: signer.custody ?? "self",
    happenedMs: eventTimeMs(event),
    recordedMs: record.timeMs,
    suspected: signer.suspectedAt(record.timeMs),
  });
}

function documentOf(body, digest, record, disclosures, signers) {
  const statement = sdjwt.parse(body, media.NOTICE), signer = partyOf(statement, record, signers);
  const notice = readNotice(statement, disclosures);
  about(record, [notice.subject]);
  const own = partyDeposits(parseStream(signer.stream).host, signer.subject);
  if (parseStream(notice.subject).kind === Kind.DEPOSITS && notice.subject !== own) {
    throw new SubjectMismatchError(`whose deposits record ${record.seq} is among`, own, notice.subject);
  }
  return new Document({
    seq: Number(record.seq),
    notice,
    statement: digest,
    party: signer.subject,
    custody: signer.custody ?? "self",
    recordedMs: record.timeMs,
    suspected: signer.suspectedAt(record.timeMs),
  });
}

/** The party that signed a statement of its own: with its key, and in its name. */
function partyOf(statement, record, signers) {
  const signer = signers.find(statement.kid, record.timeMs);
  if (signer.owner !== null) {
    throw new UnknownSignerError(`record ${record.seq} is a party's, but device ${signer.subject} signed it`);
  }
  statement.verify(signer.key);
  if (statement.iss !== signer.subject) {
    throw new SubjectMismatchError(`issuer of record ${record.seq}`, signer.subject, statement.iss);
  }
  return signer;
}

/** Whether all is there that nobody may withhold. Statements name it; the oldest did not. */
function showsEnough(claims, event, disclosures) {
  if (!claims.has(KEPT_CLAIM)) return showsEnoughUnnamed(event, disclosures);
  const named = claims.get(KEPT_CLAIM), kept = new Set(keptMembers(event));
  return Array.isArray(named) && [...named, ...ALWAYS].every((name) => kept.has(name));
}

function showsEnoughUnnamed(event, disclosures) {
  const said = ["type", "action", "eventTime", "bizStep"].map((name) => event.get(name));
  if (said.some((value) => typeof value !== "string")) return false;
  const [type, action] = said;
  if (type === "AggregationEvent" || type === "AssociationEvent") return typeof event.get("parentID") === "string";
  if (type === "ObjectEvent" && action === "ADD") {
    const ilmd = event.get("ilmd");
    return ilmd instanceof Map && (ilmd.has("ft:temperature") || !hidesInside("ilmd", disclosures));
  }
  return type !== "TransformationEvent";
}

/** Whether a disclosed member of an event has members of its own that are withheld. */
function hidesInside(member, disclosures) {
  const given = new Set(disclosures.map(sdjwt.digestOf));
  for (const text of disclosures) {
    const parts = jsonDecode(b64urlDecode(text));
    if (!Array.isArray(parts) || parts.length !== 3 || parts[1] !== member || !(parts[2] instanceof Map)) continue;
    const hidden = parts[2].get("_sd");
    return Array.isArray(hidden) && !hidden.every((digest) => given.has(digest));
  }
  return false;
}

function deviceStatement(body, digest, record, signers) {
  const statement = parseStatement(body, digest);
  if (statement.mediaType !== record.mediaType) {
    throw new SubjectMismatchError(`type of record ${record.seq}`, record.mediaType, statement.mediaType);
  }
  const signer = signers.find(statement.kid, record.timeMs, statement.counter);
  statement.verify(signer.key);
  if (statement.issuer !== signer.subject) {
    throw new SubjectMismatchError(`issuer of record ${record.seq}`, signer.subject, statement.issuer);
  }
  about(record, [statement.stream]);
  return statement;
}

function about(record, named) {
  if (!named.includes(record.stream)) {
    const what = `record ${record.seq} holds a statement about something else`;
    throw new SubjectMismatchError(what, record.stream, named.join(", ") || "nothing disclosed");
  }
}

function checkDeviceChains(statements) {
  const known = new Map();
  for (const statement of statements) {
    const { device, counter } = statement;
    if (!known.has(device)) known.set(device, new Map());
    if (known.get(device).has(counter)) {
      throw new ChainMismatchError(`device ${device} used counter ${counter} twice`);
    }
    known.get(device).set(counter, statement);
  }
  for (const { device, counter, prev } of statements) {
    const before = known.get(device).get(counter - 1n);
    if (before !== undefined && !equalBytes(prev, before.sha256)) {
      const what = `statement ${counter} of device ${device} does not follow the one before it`;
      throw new ChainMismatchError(what, before.sha256, prev);
    }
  }
}
