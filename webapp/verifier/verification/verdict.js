// The verdict on a bundle: five questions, answered one by one, and the journey that was proven.
//
//     signed       who said it, and whose word that is
//     unchanged    every byte is what the chains and the log commit to
//     complete     nothing is left out or held back, as of a time, for a named log
//     fresh        as of when, and whether that is recent enough
//     not proven   what no signature can prove
//
// An answer holds, is unknown, or fails. After the first failure nothing else is claimed. Who has the trace
// code of a label asks one question more, `label`: whether this is still the chain that it was printed with.

import { BundleError, ProofMismatchError, TamperError, TraceabilityError } from "../errors.js";
import { Kind, parseStream } from "../identifiers.js";
import * as merkle from "../ledger/merkle.js";
import * as note from "../ledger/note.js";
import { GENESIS, checkChain, formatTime } from "../ledger/record.js";
import { parseStateLeaf, streamHash, verifyPresence } from "../ledger/state.js";
import * as media from "../media.js";
import { equalBytes, toHex } from "../octets.js";
import { NOT_PROVEN, PARTS, Status, failed, holds, unknown } from "./answers.js";
import { beginning, limitsBefore } from "./beginning.js";
import { checkTimes } from "./brackets.js";
import { parseBundle } from "./bundle.js";
import { documentJson, documentWords } from "./documents.js";
import { FreshnessCode, checkCheckpoint } from "./freshness.js";
import { Document, Happening, Journey } from "./journey.js";
import { Label, LabelCode, compare } from "./label.js";
import { checkLoggers, checkStays } from "./monitored.js";
import { whoSigned } from "./saying.js";
import { Signers, displayNames, readSigners } from "./signers.js";
import { standingOf } from "./standing.js";
import { checkStatements } from "./statements.js";
import { sumUp } from "./times.js";

/**
 * The five answers; `journey` is there when none failed, `freshness` if there is a quorum, `label` if a label's
 * code was given. A label that fails is the `failure`, of a chain that is consistent in itself.
 * `signed` is the note of the checkpoint, if none of the five failed and the pinned log signed it.
 */
export class Verdict {
  constructor(parts, journey, { failure = null, freshness = null, label = null, signed = null } = {}) {
    Object.assign(this, { parts, journey, failure, freshness, label, signed });
    Object.freeze(this);
  }

  /** 0: all holds. 1: something does not match. 2: something is unknown. */
  get exitCode() {
    const statuses = new Set(this.parts.map(({ status }) => status));
    if (this.label !== null) statuses.add(this.label.status);
    if (statuses.has(Status.FAILS)) return 1;
    return statuses.has(Status.UNKNOWN) ? 2 : 0;
  }

  /** When the frames were signed; null without frames, or if nobody vouches for the log. */
  get times() {
    if (this.journey === null || this.parts[0].status !== Status.HOLDS) return null;
    const frames = this.journey.records.filter(({ mediaType }) => mediaType === media.FRAME);
    return sumUp(frames.map(({ bracket }) => bracket));
  }

  /** Whether the batch is recalled; a chain that is not the label's says nothing good of its goods. */
  get standing() {
    const signed = this.parts.find(({ name }) => name === PARTS[0]);
    const same = this.label === null || this.label.code === LabelCode.SAME;
    return standingOf(this.journey, signed.status === Status.HOLDS && same);
  }

  /** The verdict for people: a line an answer, and what they come to. */
  lines() {
    const answers = this.parts.map(({ name, status, text }) => [name, name === PARTS.at(-1) ? "" : status, text]);
    if (this.times !== null) answers.splice(-1, 0, ["times", this.times.known, this.times.text]);
    if (this.label !== null) answers.push(["label", this.label.status, this.label.text]);
    const documents = this.journey?.documents ?? [], names = this.journey?.names ?? new Map();
    answers.push(...documents.map((document) => ["document", "named", documentWords(document, names)]));
    answers.push(["recall", ...this.standing.words(names)]);
    const lines = answers.map(([name, status, text]) => `${name.padEnd(11)} ${status.padEnd(8)} ${text}`);
    return [...lines, this.standing.lastLine(this.exitCode)];
  }

  /** The verdict for programs, record by record. */
  toJson() {
    const asked = Object.entries({ freshness: this.freshness, label: this.label, times: this.times });
    return {
      parts: Object.fromEntries(this.parts.map(({ name, status, text }) => [name, { status, text }])),
      recall: this.standing.toJson(),
      text: this.standing.lastLine(this.exitCode),
      failure: this.failure && { code: this.failure.code, text: this.failure.message },
      records: (this.journey?.records ?? []).map((record) => ({
        stream: record.stream,
        seq: record.seq,
        recorded: formatTime(record.recordedMs),
        type: record.mediaType,
        hash: toHex(record.hash),
        statement: record.shown ? "shown" : "withheld",
        signed: record.bracket.toJson(),
        suspected: record.suspected,
      })),
      documents: (this.journey?.documents ?? []).map(documentJson),
      exit_code: this.exitCode,
      ...Object.fromEntries(asked.filter(([, answer]) => answer !== null).map(([name, answer]) => [name, answer.toJson()])),
    };
  }
}

/**
 * Check a bundle against the verifier's own policy; never throws for a bad bundle.
 *
 * A generator: it yields {part, done, of} after every item that was checked, and returns the Verdict.
 * `policy`, `nowMs` (the verifier's clock, milliseconds since 1970) and `code` (of a label) may be null.
 */
export function* check(data, policy, nowMs = null, code = null) {
  const run = new Run(policy, nowMs);
  try {
    const journey = yield* run.check(parseBundle(data));
    const label = code === null ? null : compare(code, journey), { freshness, signed } = run;
    return new Verdict(run.answers(journey), journey, { failure: label && label.failure, freshness, label, signed });
  } catch (failure) {
    if (!(failure instanceof TraceabilityError)) throw failure;
    const unasked = code === null ? null : new Label(LabelCode.UNASKED, code);
    return new Verdict(failed(run.part, failure), null, { failure, label: unasked });
  }
}

/** One check; `part` says which question is being asked. */
class Run {
  constructor(policy, nowMs) {
    Object.assign(this, { policy, nowMs, part: "unchanged", signers: new Signers(), freshness: null, signed: null });
  }

  /** All questions in order; throws at the first that fails. */
  *check(bundle) {
    const checkpoint = note.parseCheckpoint(note.parseNote(bundle.checkpoint).text);
    const leaf = stateOf(bundle, checkpoint);
    const [batch, keys, assets] = sort(bundle);
    const chained = new Map(bundle.streams.map((stretch) => [stretch, chain(stretch, leaf)]));
    this.part = "signed";
    if (this.policy !== null) this.#requirePinned(bundle, checkpoint);
    this.signers = readSigners(keys, this.policy);
    this.part = "unchanged";
    const opened = yield* this.#open([batch, ...assets], chained, bundle.disclosures);
    this.part = "fresh";
    const records = checkTimes(bundle.times, checkpoint, leaf, opened);
    this.part = "complete";
    const journey = journeyOf(opened[0], opened.slice(1), bundle, leaf, this.signers, records);
    nothingSuperfluous(bundle, this.signers);
    return journey;
  }

  #requirePinned(bundle, checkpoint) {
    this.freshness = checkCheckpoint(note.parseNote(bundle.checkpoint), this.policy, this.nowMs);
    if (checkpoint.origin !== this.policy.log.name) {
      throw new TamperError("another log than the pinned one", this.policy.log.name, checkpoint.origin);
    }
    this.signed = bundle.checkpoint;
  }

  *#open(stretches, records, disclosures) {
    const of = stretches.reduce((sum, { links }) => sum + links.length, 0), opened = [];
    let done = 0;
    for (const stretch of stretches) {
      const checking = checkStatements(stretch, records.get(stretch), disclosures, this.signers);
      let step = checking.next();
      for (; !step.done; step = checking.next()) yield { part: this.part, done: (done += 1), of };
      opened.push(step.value);
    }
    return opened;
  }

  /** The five answers of a bundle in which nothing failed. */
  answers(journey) {
    const at = formatTime(journey.asOfMs), withheld = journey.records.filter(({ shown }) => !shown).length;
    const unchanged = holds("unchanged", `${journey.records.length} records, every byte as chained and logged`);
    const last = holds("not proven", NOT_PROVEN);
    if (this.policy === null) {
      const text = "bring a policy: no key here is vouched for by anyone you know";
      const [signed, complete, fresh] = ["signed", "complete", "fresh"].map((name) => unknown(name, text));
      return [signed, unchanged, complete, fresh, last];
    }
    const signed = holds("signed", whoSigned(journey, this.signers));
    const checkedBy = this.freshness?.checkedBy;
    const whose = checkedBy ? `as witnessed by ${checkedBy} for` : "according to the operator of";
    const text = `${whose} ${this.policy.log.name}, ${journey.size} leaves, as of ${at}`;
    const complete = withheld
      ? unknown("complete", `${withheld} statements are withheld; ${text}`)
      : holds("complete", text);
    return [signed, unchanged, complete, this.#fresh(at), last];
  }

  #fresh(at) {
    if (this.freshness === null) return holds("fresh", `as of ${at} by the operator's clock`);
    const answer = this.freshness.code === FreshnessCode.FRESH ? holds : unknown;
    return answer("fresh", this.freshness.text);
  }
}

function stateOf(bundle, checkpoint) {
  const leaf = parseStateLeaf(bundle.stateLeaf), before = checkpoint.size - 1n;
  if (leaf.index !== before) throw new ProofMismatchError("index of the state leaf", before, leaf.index);
  merkle.verifyInclusion(leaf.index, checkpoint.size, leaf.hash, bundle.stateProof, checkpoint.root);
  return leaf;
}

/** The batch's stream, the key streams, and the assets' stretches, in the one order allowed. */
function sort(bundle) {
  const [batch, ...rest] = bundle.streams;
  if (batch === undefined || batch.uri !== bundle.subject) {
    throw new BundleError("the first stream of a bundle is its subject");
  }
  if (parseStream(batch.uri).kind !== Kind.BATCH || batch.first || batch.place === null) {
    throw new BundleError("the subject's stream must be there whole, with its place in the state");
  }
  const kinds = new Map(rest.map((stretch) => [stretch, parseStream(stretch.uri).kind]));
  const assets = rest.filter((stretch) => kinds.get(stretch) === Kind.ASSET);
  const keys = rest.filter((stretch) => [Kind.DEVICE_KEYS, Kind.PARTY_KEYS].includes(kinds.get(stretch)));
  const ordered = [...assets, ...keys];
  const inOrder = rest.length === ordered.length && rest.every((stretch, i) => stretch === ordered[i]);
  if (!inOrder || keys.some(({ uri }, i) => i > 0 && keys[i - 1].uri >= uri)) {
    throw new BundleError("behind the subject stand the assets by stay, then the key streams by name");
  }
  return [batch, keys, assets];
}

/** Recompute a stretch's records and tie its end to the state where a place is given. */
function chain(stretch, leaf) {
  if (!stretch.first && !equalBytes(stretch.prev, GENESIS)) {
    throw new TamperError(`hash before the first record of ${stretch.uri}`, GENESIS, stretch.prev);
  }
  const records = stretch.records();
  const [count, head] = checkChain(records, { startSeq: stretch.first, prev: stretch.prev, stream: stretch.uri });
  if (records.length && records.at(-1).timeMs > leaf.timeMs) {
    throw new TamperError(`a record of ${stretch.uri} is later than the state that holds it`);
  }
  if (stretch.place !== null) {
    verifyPresence(leaf.root, streamHash(stretch.uri), stretch.place.presence(count, head));
  }
  return records;
}

function journeyOf(batch, assets, bundle, leaf, signers, records) {
  const created = beginning(batch, batch.records.length);
  const limits = limitsBefore(batch, batch.contents.length);
  const stays = checkStays(batch, assets, leaf.timeMs);
  const packed = checkLoggers(batch, limits, leaf.timeMs);
  return new Journey({
    batch: bundle.subject,
    created: created.event,
    limits,
    happenings: batch.contents.filter((content) => content instanceof Happening),
    stays: [...stays, ...packed],
    records,
    names: displayNames(signers),
    size: leaf.index + 1n,
    asOfMs: leaf.timeMs,
    documents: [batch, ...assets].flatMap(({ contents }) => contents.filter((content) => content instanceof Document)),
  });
}

function nothingSuperfluous(bundle, signers) {
  const unused = [...signers.holders.keys()].filter((stream) => !signers.used.has(stream));
  if (unused.length) throw new BundleError(`the bundle holds ${unused.length} key streams that nothing in it needs`);
  const shown = new Set(
    bundle.streams
      .flatMap(({ links }) => links)
      .filter(({ mediaType, statement }) => media.PARTY_STATEMENTS.has(mediaType) && statement !== null)
      .map(({ sha256 }) => toHex(sha256)),
  );
  if (![...bundle.disclosures.keys()].every((digest) => shown.has(digest))) {
    throw new BundleError("the bundle holds disclosures of a statement that it does not hold");
  }
}
