// Checking a batch's stays: each entering event has one, its asset's part is whole, its sums are right.

import { BundleError, ChainMismatchError, TamperError } from "../errors.js";
import { DELIVERED, StayAmend, StayClose, StayOpen } from "../ledger/stay.js";
import * as media from "../media.js";
import { equalBytes } from "../octets.js";
import { Limits } from "../sensing/coldchain.js";
import { Clock, DeviceStatement } from "../sensing/frame.js";
import { devicesOf, enteredAsset } from "../supply/epcis/events.js";
import { limitsBefore } from "./beginning.js";
import { Happening } from "./journey.js";
import { curves, seriesOf } from "./stays.js";

/**
 * Check every stay of a batch against the stretches of its assets, one for each stay in the order of
 * the stay-opens; until `asOfMs` an open stay is looked at. Throws TamperError, BundleError.
 */
export function checkStays(batch, assets, asOfMs) {
  const opens = numbered(batch, StayOpen);
  checkEntered(batch, opens);
  if (opens.length !== assets.length) {
    throw new BundleError(
      `the batch has ${opens.length} stays, the bundle holds ${assets.length} stretches of assets`,
    );
  }
  const views = opens.map(([seq, opened], i) => checkStay(batch, seq, opened, assets[i], asOfMs));
  for (const [, closed] of numbered(batch, StayClose)) {
    if (!opens.some(([seq]) => seq === Number(closed.openSeq))) {
      throw new TamperError(`a stay-close refers to record ${closed.openSeq}, which opens no stay`);
    }
  }
  return views;
}

/** The times with loggers that are packed with the batch, by their installation on it. Throws TamperError. */
export function checkLoggers(batch, limits, asOfMs) {
  const statements = batch.contents.filter((content) => content instanceof DeviceStatement);
  const installed = installations(batch);
  const strangers = [...new Set(statements.map(({ device }) => device))].filter((device) => !installed.has(device));
  if (strangers.length) {
    throw new TamperError("a device speaks that was not installed", [...installed.keys()].sort(), strangers.sort());
  }
  return [...installed].flatMap(([device, spans]) => {
    return spans.map(([fromMs, toMs]) => packed(batch, device, fromMs, toMs, limits, asOfMs));
  });
}

function installations(batch) {
  const installed = new Map();
  for (const happening of batch.contents) {
    if (!(happening instanceof Happening) || happening.event.get("action") === "OBSERVE") continue;
    for (const device of devicesOf(happening.event)) {
      if (!installed.has(device)) installed.set(device, []);
      const spans = installed.get(device);
      if (happening.event.get("action") === "ADD") spans.push([happening.happenedMs, null]);
      else if (spans.length) spans[spans.length - 1][1] = happening.happenedMs;
    }
  }
  return installed;
}

function packed(batch, device, fromMs, removedMs, limits, asOfMs) {
  const toMs = Math.max(fromMs, removedMs ?? asOfMs), devices = new Set([device]);
  const statements = statementsOf(batch, batch.end).filter((statement) => statement.device === device);
  return Object.freeze({
    opened: null,
    closed: null,
    fromMs,
    toMs,
    left: removedMs !== null,
    ...holes([], devices, statements, batch.rotations),
    curves: curves(statements, devices, limits, fromMs, toMs),
    frames: statements.filter(({ mediaType }) => mediaType === media.FRAME).length,
    suspected: suspectedOf(batch, devices),
  });
}

/** Every entering event is followed by its stay-open, and by no other. */
function checkEntered(batch, opens) {
  const entering = batch.contents.filter(
    (content) => content instanceof Happening && content.event.get("action") === "ADD" && assetOf(content) !== null,
  );
  const events = entering.map(({ seq }) => seq), stated = opens.map(([, { enteredSeq }]) => Number(enteredSeq));
  if (events.length !== stated.length || events.some((seq, i) => seq !== stated[i])) {
    throw new TamperError("a stay was left out", `stays entered by records ${events}`, stated);
  }
  entering.forEach((event, i) => {
    const [, opened] = opens[i];
    same("asset that the batch entered", assetOf(event), opened.asset);
    same("entering time of a stay", event.happenedMs, opened.enteredMs);
  });
}

function assetOf({ event, node }) {
  return enteredAsset(event, node);
}

function checkStay(batch, seq, opened, asset, asOfMs) {
  const { stretch } = asset;
  same("asset of a stay", opened.asset, stretch.uri);
  same("first record of an asset's part", opened.assetCount, stretch.first);
  same("record hash before an asset's part", opened.assetHead, stretch.prev);
  const closing = numbered(batch, StayClose).filter(([, closed]) => Number(closed.openSeq) === seq);
  const closes = closing.map(([, closed]) => closed);
  checkCloses(closes, asset);
  const left = leaving(batch, seq, opened), final = closes.at(-1) ?? null;
  const summed = closing.map(([number, closed]) => checkClose(left, opened, closed, asset, limitsBefore(batch, number)));
  if (final === null && stretch.place === null) {
    throw new BundleError(`the open stay in ${opened.asset} needs its asset's stream up to the state`);
  }
  if (final !== null) same("end of an asset's part", final.assetCount, asset.end);
  const endMs = left === null ? Math.max(asOfMs, opened.enteredMs) : left.happenedMs;
  const statements = statementsOf(asset, asset.end);
  const devices = devicesIn(opened, asset, asset.end, final, endMs);
  const limits = limitsBefore(batch, batch.contents.length);
  return Object.freeze({
    opened,
    closed: final,
    fromMs: opened.enteredMs,
    toMs: endMs,
    left: left !== null,
    ...holes(opened.devices, devices, statements, asset.rotations),
    curves: summed.at(-1) ?? curves(statements, devices, limits, opened.enteredMs, endMs),
    frames: statements.filter(({ mediaType, device }) => mediaType === media.FRAME && devices.has(device)).length,
    suspected: suspectedOf(asset, devices),
  });
}

/** How many statements of these devices came while misuse of their key was suspected. */
function suspectedOf({ contents, suspected }, devices) {
  return [...suspected].filter((i) => devices.has(contents[i].device)).length;
}

function checkCloses(closes, asset) {
  if (closes.some((closed, i) => closed instanceof StayAmend !== i > 0)) {
    throw new TamperError("a stay is closed once and amended after that");
  }
  if (closes.some((closed, i) => i > 0 && closed.assetCount < closes[i - 1].assetCount)) {
    throw new TamperError("an amendment knows less than the summary before it");
  }
  for (const { assetCount, assetHead } of closes) {
    const count = Number(assetCount);
    if (count < asset.stretch.first || count > asset.end) {
      throw new TamperError("end of a stay's data", `at most ${asset.end}`, assetCount);
    }
    if (!equalBytes(assetHead, asset.headAt(count))) {
      const what = `record hash of ${asset.stretch.uri} before number ${count}`;
      throw new ChainMismatchError(what, assetHead, asset.headAt(count));
    }
  }
}

/** Recompute one summary from the frames that it says it was made from; the curves behind it. */
function checkClose(left, opened, closed, asset, limits) {
  if (left === null) {
    throw new TamperError(`the stay in ${opened.asset} is closed, but no event says that the batch left`);
  }
  same("leaving event of a stay", left.seq, closed.leftSeq);
  same("leaving time of a stay", left.happenedMs, closed.leftMs);
  same("asset of a stay-close", opened.asset, closed.asset);
  const stated = new Limits(Number(closed.lowMilliC), Number(closed.highMilliC), Number(closed.maxGapMs));
  same("limits of a stay", Object.values(limits).join(" "), Object.values(stated).join(" "));
  const statements = statementsOf(asset, Number(closed.assetCount));
  const devices = devicesIn(opened, asset, Number(closed.assetCount), closed, closed.leftMs);
  for (const { device, end } of closed.devices) {
    if (end === DELIVERED && !delivered(statements, device, closed.leftMs)) {
      throw new TamperError(`device ${device} did not deliver past the end of its stay`);
    }
  }
  const found = curves(statements, devices, stated, opened.enteredMs, closed.leftMs);
  const summary = (all) => all.map((series) => series.line()).join("\n");
  same(`summary of the stay in ${closed.asset}`, summary(closed.series), summary(found.map(seriesOf)));
  return found;
}

/** The devices of a stay; refuses a stretch with frames of one that the stay leaves out. */
function devicesIn(opened, asset, end, closed, untilMs) {
  const installed = opened.devices.map(({ device }) => device), added = addedTo(asset, end);
  const stated = new Set(closed === null ? [...installed, ...added] : closed.devices.map(({ device }) => device));
  const spans = statementsOf(asset, end).filter(isDated).map((statement) => [statement.device, ...span(statement)]);
  const during = spans.filter(([, first, last]) => first <= untilMs && last >= opened.enteredMs);
  const speaking = new Set([...installed, ...during.map(([device]) => device)]);
  const leftOut = [...speaking].filter((device) => !stated.has(device));
  if (leftOut.length) throw new TamperError("a device was left out of a stay", leftOut.sort(), [...stated].sort());
  const early = spans.filter(([, first]) => first <= opened.enteredMs).map(([device]) => device);
  const begun = new Set([...added, ...early]);
  const late = asset.stretch.first ? [...speaking].filter((device) => !begun.has(device)) : [];
  if (late.length) {
    const what = `the part of ${opened.asset} begins behind the beginning of the stay`;
    throw new TamperError(what, "a reading from before, or an installation", late.sort());
  }
  return stated;
}

function addedTo(asset, end) {
  return asset
    .between(asset.stretch.first, end)
    .filter((content) => content instanceof Happening && content.event.get("action") === "ADD")
    .flatMap(({ event }) => devicesOf(event));
}

function isDated({ mediaType, clock }) {
  return mediaType === media.FRAME && clock !== Clock.UNSYNCHRONISED;
}

/** When a dated frame begins and ends, in milliseconds. */
function span(statement) {
  let first = Infinity, last = -Infinity;
  for (const { atMs } of statement.readings()) {
    first = Math.min(first, atMs);
    last = Math.max(last, atMs);
  }
  return [first, last];
}

function delivered(statements, device, untilMs) {
  return statements.some((s) => s.device === device && isDated(s) && span(s)[1] >= untilMs);
}

function statementsOf(asset, end) {
  return asset.between(asset.stretch.first, end).filter((content) => content instanceof DeviceStatement);
}

/**
 * By device, counters between its first and last here that are missing, and that it declared lost. A counter that
 * went into a rotation is neither: that stands on the device's key stream.
 */
function holes(starts, devices, statements, rotations) {
  const missing = new Map(), declared = new Map();
  const first = new Map(starts.map(({ device, nextCounter }) => [device, BigInt(nextCounter)]));
  for (const device of [...devices].sort()) {
    const own = statements.filter((statement) => statement.device === device);
    if (!own.length) continue;
    const counters = own.map(({ counter }) => counter).sort(compare);
    const lowest = first.get(device) ?? counters[0], highest = counters.at(-1);
    const start = lowest < counters[0] ? lowest : counters[0];
    const gaps = own.filter(({ mediaType }) => mediaType === media.GAP).flatMap((s) => s.gaps());
    const spent = rotations.filter((rotation) => rotation.device === device).map(({ counter }) => counter);
    const used = [...counters, ...spent].map((counter) => [counter, counter]);
    const heard = covered(used, start, highest);
    const known = covered([...used, ...gaps.map((gap) => [gap.first, gap.last])], start, highest);
    const hole = highest + 1n - start - known;
    if (known > heard) declared.set(device, known - heard);
    if (hole) missing.set(device, hole);
  }
  return { missing, declared };
}

/** How many of the numbers from `start` to `end` lie in at least one range. */
function covered(ranges, start, end) {
  let count = 0n, reached = start;
  for (const [first, last] of ranges.sort((a, b) => compare(a[0], b[0]) || compare(a[1], b[1]))) {
    const from = first > reached ? first : reached, to = last < end ? last : end;
    if (from <= to) [count, reached] = [count + to + 1n - from, to + 1n];
  }
  return count;
}

function compare(a, b) {
  return a < b ? -1 : Number(a > b);
}

/** The first leaving event of that asset behind the stay-open, or null. */
function leaving(batch, seq, opened) {
  const behind = batch.contents.slice(seq + 1);
  const isLeaving = (content) => content instanceof Happening && content.event.get("action") === "DELETE";
  return behind.find((content) => isLeaving(content) && assetOf(content) === opened.asset) ?? null;
}

/** The contents of a kind with their numbers in the batch's stream. */
function numbered(batch, kind) {
  return [...batch.contents.entries()].filter(([, content]) => content instanceof kind);
}

function same(what, expected, got) {
  const equal = expected instanceof Uint8Array ? equalBytes(expected, got) : String(expected) === String(got);
  if (!equal) throw new TamperError(what, expected, got);
}
