// Between which times each record's statement was signed, by the log's own clock: after the checkpoint that its beacon
// names, before the first proven state leaf behind it in the log (docs/formats.md, Times; docs/adr/0027).

import { BundleError, TimeMismatchError } from "../errors.js";
import { beaconOf, pastRoots } from "../ledger/history.js";
import { formatTime } from "../ledger/record.js";
import { parseStateLeaf } from "../ledger/state.js";
import { toHex } from "../octets.js";
import { DeviceStatement } from "../sensing/frame.js";
import { MAX_AHEAD_S } from "./freshness.js";
import { Beacon, Bracket } from "./times.js";

/** How far a device's clock may be off the log's before it disagrees. */
export const TOLERANCE_MS = MAX_AHEAD_S * 1000;
const NEVER = -1;

/**
 * Every record of these stretches, which are the bundle's first, with its bracket; `leaf` is the verified state leaf
 * that ends the checkpoint's tree. Throws MalformedError, BundleError, ProofMismatchError, TimeMismatchError.
 */
export function checkTimes(times, checkpoint, leaf, opened) {
  const said = opened.flatMap(statements);
  const named = new Set(said.filter(([, { beacon }]) => beacon !== null).map(([, { beacon }]) => toHex(beacon)));
  const nothing = { leaves: [leaf], beacons: new Map(), indexes: new Map() };
  const proven = times === null ? nothing : prove(times, checkpoint, leaf, opened);
  if (![...proven.beacons.keys()].every((beacon) => named.has(beacon))) {
    throw new BundleError("the bundle proves a checkpoint that no beacon in it names");
  }
  const lower = aftersOf(said, proven.beacons);
  return opened.flatMap((checked) => views(checked, lower, proven));
}

function views({ records, stretch, contents, suspected }, lower, proven) {
  const befores = beforesOf(records, proven);
  return records.map((record, i) => {
    const { stream, seq, timeMs, mediaType, hash } = record, shown = stretch.links[i].statement !== null;
    const bracket = bracketOf(lower.get(toHex(hash)) ?? null, befores[i], contents[i], proven);
    const place = { stream, seq: Number(seq), recordedMs: timeMs, mediaType, hash };
    return Object.freeze({ ...place, shown, bracket, suspected: suspected.has(i) });
  });
}

function statements({ records, contents }) {
  return records.map((record, i) => [record, contents[i]]).filter(([, said]) => said instanceof DeviceStatement);
}

function prove(times, checkpoint, leaf, opened) {
  const leaves = times.leaves.map(parseStateLeaf);
  [...leaves, leaf].forEach((after, i, all) => i > 0 && requireLater(all[i - 1], after));
  const ends = leaves.map(({ index }) => index);
  checkAnchors(times.anchors, ends);
  const anchored = times.anchors.map((anchor) => [BigInt(anchor.index), recordAt(opened, anchor).hash]);
  const hashes = new Map([...leaves.map((found) => [found.index, found.hash]), ...anchored]);
  const past = pastRoots(hashes, checkpoint.size, times.proof, checkpoint.root);
  const beacon = ({ index }) => toHex(beaconOf(checkpoint.origin, index + 1n, past.get(index)));
  return {
    leaves: [...leaves, leaf],
    beacons: new Map(leaves.map((found) => [beacon(found), found])),
    indexes: new Map(anchored.map(([index, hash]) => [toHex(hash), index])),
  };
}

function requireLater(before, after) {
  if (before.index >= after.index) {
    throw new BundleError("the state leaves of a bundle's times ascend by their places in the log");
  }
  if (before.timeMs >= after.timeMs) {
    const expected = `after ${formatTime(before.timeMs)}`;
    throw new TimeMismatchError("a state leaf is not later than the one before it", expected, formatTime(after.timeMs));
  }
}

/** Each stands before one of the leaves, and is the only one of its stream that this leaf needs. */
function checkAnchors(anchors, ends) {
  const behind = ({ index }) => placeBehind(ends, BigInt(index));
  const needed = new Set(anchors.map((anchor) => `${anchor.stream} ${behind(anchor)}`));
  const ascend = anchors.every(({ index }, i) => i === 0 || anchors[i - 1].index < index);
  const places = new Set(ends);
  if (!ascend || anchors.some(({ index }) => places.has(BigInt(index)))) {
    throw new BundleError("the anchors of a bundle's times ascend by their places in the log");
  }
  if (needed.size !== anchors.length || anchors.some((anchor) => behind(anchor) === ends.length)) {
    throw new BundleError("the bundle holds an anchor that no time in it needs");
  }
}

/** How many of the ascending places stand at or before an index. */
function placeBehind(ends, index) {
  const place = ends.findIndex((end) => end > index);
  return place < 0 ? ends.length : place;
}

function recordAt(opened, { stream, seq }) {
  const checked = opened[stream], record = checked && checked.records[seq - checked.stretch.first];
  if (!record) throw new BundleError(`an anchor names record ${seq} of stream ${stream}, which is not here`);
  return record;
}

/** For each record the time of the first proven leaf behind it; a chain's records are in order. */
function beforesOf(records, { leaves, indexes }) {
  const ends = leaves.map((found) => found.index), times = [];
  let index = ends.at(-1);
  for (const record of [...records].reverse()) {
    const known = indexes.get(toHex(record.hash)) ?? index;
    if (known < index) index = known;
    const covering = leaves[Math.min(placeBehind(ends, index), ends.length - 1)];
    if (record.timeMs > covering.timeMs) {
      const what = `record ${record.seq} of ${record.stream} is later than the state that holds it`;
      throw new TimeMismatchError(what, `at most ${formatTime(covering.timeMs)}`, formatTime(record.timeMs));
    }
    times.push(covering.timeMs);
  }
  return times.reverse();
}

/** By record hash, after when it was signed: by its own beacon, or by an earlier one of its device. */
function aftersOf(said, beacons) {
  const found = new Map(), newest = new Map();
  const ordered = [...said].sort(([, a], [, b]) => (a.counter < b.counter ? -1 : Number(a.counter > b.counter)));
  for (const [record, { device, beacon }] of ordered) {
    const ownMs = (beacon && beacons.get(toHex(beacon))?.timeMs) ?? NEVER;
    if (ownMs > record.timeMs) {
      const what = `record ${record.seq} of ${record.stream} names a checkpoint that is newer than itself`;
      throw new TimeMismatchError(what, `at most ${formatTime(record.timeMs)}`, formatTime(ownMs));
    }
    const knownMs = Math.max(ownMs, newest.get(device) ?? NEVER);
    newest.set(device, knownMs);
    const afterMs = knownMs <= record.timeMs ? knownMs : ownMs;
    if (afterMs !== NEVER) found.set(toHex(record.hash), afterMs);
  }
  return found;
}

function bracketOf(afterMs, beforeMs, content, { beacons }) {
  if (!(content instanceof DeviceStatement)) return new Bracket(afterMs, beforeMs);
  const { beacon, issuedAt } = content;
  const named = beacon && (beacons.has(toHex(beacon)) ? Beacon.PROVEN : Beacon.UNKNOWN);
  if (issuedAt === null) return new Bracket(afterMs, beforeMs, named);
  const atMs = Number(issuedAt) * 1000;
  const early = afterMs !== null && atMs + 999 + TOLERANCE_MS < afterMs;
  return new Bracket(afterMs, beforeMs, named, !early && atMs - TOLERANCE_MS <= beforeMs);
}
