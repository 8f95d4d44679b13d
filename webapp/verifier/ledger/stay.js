// A batch's stay in a monitored asset, as the node writes it into the batch's stream: on entering a
// stay-open, on leaving a stay-close, and when later data come a stay-amend (docs/formats.md).
// Counts, counters and sequence numbers are BigInt; times, durations and temperatures are numbers.

import { MalformedError } from "../errors.js";
import * as media from "../media.js";
import { compareText, equalBytes, quoted } from "../octets.js";
import { LineReader, decodeInteger, encodeBase64, encodeLines, requireRange, requireSize } from "./lines.js";
import { HASH_SIZE } from "./merkle.js";
import { GENESIS, MAX_TIME_MS, formatTime, parseTime, requireStream } from "./record.js";

/** Bytes of a stay's text, at most. */
export const MAX_STAY = 262_144;
/** One past the highest counter of a device: what comes next after it. */
export const MAX_COUNTER = 2n ** 64n;
/** Thousandths of a degree Celsius: no reading and no limit is further from zero. */
export const MAX_MILLI_C = 1_000_000;

export const DELIVERED = "delivered";
export const UNINSTALLED = "uninstalled";
export const SILENT = "silent";
/** Why a device has nothing more to say about a stay. */
export const ENDS = new Set([DELIVERED, UNINSTALLED, SILENT]);

/** Channels of one device of which a role is said, at most. */
const MAX_CHANNELS = 16;

const DEVICE = /^[0-9a-f]{32}$/;
const CHANNEL = /^[a-z0-9][a-z0-9_-]{0,31}=(air-return|air-supply|product|ambient|other)$/;
const SERIES = /^[A-Za-z0-9][A-Za-z0-9:./_-]{0,127}$/;

/**
 * A device that was installed on the asset; `end` is one of `ENDS` on leaving, null on entering, when
 * `channels` are the roles that its installation says, `[name, role]` each.
 */
export class StayDevice {
  constructor(device, nextCounter, end = null, channels = []) {
    requireDevice(device);
    requireRange("a device's next counter", nextCounter, 0, MAX_COUNTER);
    if (channels.length > 0) requireChannels(end, channels);
    Object.assign(this, { device, nextCounter: BigInt(nextCounter), end, channels: Object.freeze([...channels]) });
    Object.freeze(this);
  }

  /** `{device} {next counter}`, then on entering its channels if any, and on leaving its end. */
  line() {
    const said = [this.end, pairsOf(this.channels).join(",")].filter(Boolean);
    return [this.device, this.nextCounter, ...said].join(" ");
  }
}

/** Summary of one device's readings of one name during the stay; extremes are null without readings. */
export class Series {
  constructor(device, name, readings, minMilliC, maxMilliC, aboveMs, belowMs, unknownMs) {
    requireDevice(device);
    if (!SERIES.test(name)) throw new MalformedError(`not the name of a series: ${quoted(name)}`);
    requireRange("the number of readings", readings);
    for (const value of [aboveMs, belowMs, unknownMs]) requireRange("a duration in ms", value, 0, MAX_TIME_MS);
    const none = BigInt(readings) === 0n;
    if ((minMilliC === null) !== none || (maxMilliC === null) !== none) {
      throw new MalformedError("a series has both extremes, or no readings and no extremes");
    }
    if (!none) requireInterval(minMilliC, maxMilliC);
    Object.assign(this, { device, name, readings: BigInt(readings) });
    Object.assign(this, numbers({ minMilliC, maxMilliC, aboveMs, belowMs, unknownMs }));
    Object.freeze(this);
  }

  /** `{device} {name} {n} {min|-} {max|-} {above_ms} {below_ms} {unknown_ms}`. */
  line() {
    const extremes = [this.minMilliC ?? "-", this.maxMilliC ?? "-"];
    return [this.device, this.name, this.readings, ...extremes, this.aboveMs, this.belowMs, this.unknownMs].join(" ");
  }
}

/** The beginning of a stay. */
export class StayOpen {
  static TITLE = "food-traceability/stay-open/v1";
  static MEDIA_TYPE = media.STAY_OPEN;

  constructor(batch, asset, enteredSeq, enteredMs, assetCount, assetHead, devices) {
    requireStream(batch);
    requireRange("a sequence number", enteredSeq);
    requireRange("a time in ms", enteredMs, 0, MAX_TIME_MS);
    requireAsset(asset, assetCount, assetHead);
    requireDevices(devices, new Set([null]));
    Object.assign(this, { batch, asset, enteredSeq: BigInt(enteredSeq), ...numbers({ enteredMs }) });
    Object.assign(this, { assetCount: BigInt(assetCount), assetHead, devices });
    Object.freeze(this);
  }

  /** The text of the statement. */
  encode() {
    const place = [this.batch, this.asset, this.enteredSeq, formatTime(this.enteredMs)];
    const asset = [this.assetCount, encodeBase64(this.assetHead)];
    return encodeLines(StayOpen.TITLE, ...place, ...asset, ...counted(this.devices));
  }
}

/** The end of a stay, with its summary. */
export class StayClose {
  static TITLE = "food-traceability/stay-close/v1";
  static MEDIA_TYPE = media.STAY_CLOSE;

  constructor(
    batch, asset, openSeq, leftSeq, leftMs, assetCount, assetHead, lowMilliC, highMilliC, maxGapMs, devices, series,
  ) {
    requireStream(batch);
    requireRange("a sequence number", openSeq);
    requireRange("a sequence number", leftSeq);
    requireRange("a time in ms", leftMs, 0, MAX_TIME_MS);
    requireAsset(asset, assetCount, assetHead);
    requireInterval(lowMilliC, highMilliC);
    requireRange("a duration in ms", maxGapMs, 0, MAX_TIME_MS);
    requireDevices(devices, ENDS);
    requireAscending("series", series.map(({ device, name }) => `${device} ${name}`));
    const listed = new Set(devices.map(({ device }) => device));
    if (!series.every(({ device }) => listed.has(device))) {
      throw new MalformedError("a series of a device that the stay does not list");
    }
    Object.assign(this, { batch, asset, openSeq: BigInt(openSeq), leftSeq: BigInt(leftSeq) });
    Object.assign(this, { assetCount: BigInt(assetCount), assetHead, devices, series });
    Object.assign(this, numbers({ leftMs, lowMilliC, highMilliC, maxGapMs }));
    Object.freeze(this);
  }

  /** The text of the statement. */
  encode() {
    const place = [this.batch, this.asset, this.openSeq, this.leftSeq, formatTime(this.leftMs)];
    const asset = [this.assetCount, encodeBase64(this.assetHead)];
    const limits = `${this.lowMilliC} ${this.highMilliC} ${this.maxGapMs}`;
    const { TITLE } = this.constructor;
    return encodeLines(TITLE, ...place, ...asset, limits, ...counted(this.devices), ...counted(this.series));
  }
}

/** The summary again, after later data; replaces the stay-close or stay-amend before it. */
export class StayAmend extends StayClose {
  static TITLE = "food-traceability/stay-amend/v1";
  static MEDIA_TYPE = media.STAY_AMEND;
}

/** The stay-open in a statement. Throws MalformedError. */
export function parseStayOpen(data) {
  const lines = new LineReader(data, StayOpen.TITLE, MAX_STAY);
  const place = [lines.text(), lines.text(), lines.integer(), parseTime(lines.text())];
  const asset = [lines.integer(), lines.data()];
  const stay = new StayOpen(...place, ...asset, Object.freeze(lines.counted(() => parseEntered(lines))));
  lines.end(stay.encode());
  return stay;
}

/** The stay-close in a statement; throws like `parseStayOpen`. */
export function parseStayClose(data) {
  return parseSummary(StayClose, data);
}

/** The stay-amend in a statement; throws as `parseStayOpen` does. */
export function parseStayAmend(data) {
  return parseSummary(StayAmend, data);
}

function parseSummary(SummaryKind, data) {
  const lines = new LineReader(data, SummaryKind.TITLE, MAX_STAY);
  const place = [lines.text(), lines.text(), lines.integer(), lines.integer(), parseTime(lines.text())];
  const asset = [lines.integer(), lines.data()];
  const limits = lines.fields(3).map(decodeInteger);
  const devices = Object.freeze(lines.counted(() => parseLeft(lines)));
  const series = Object.freeze(lines.counted(() => parseSeries(lines)));
  const stay = new SummaryKind(...place, ...asset, ...limits, devices, series);
  lines.end(stay.encode());
  return stay;
}

function counted(items) {
  return [items.length, ...items.map((item) => item.line())];
}

function parseEntered(lines) {
  const [device, counter, channels] = lines.fields(2, 3);
  const pairs = channels === undefined ? [] : channels.split(",").map(parsePair);
  return new StayDevice(device, decodeInteger(counter), null, pairs);
}

function parsePair(pair) {
  const [name, ...role] = pair.split("=");
  return Object.freeze([name, role.join("=")]);
}

function pairsOf(channels) {
  return channels.map(([name, role]) => `${name}=${role}`);
}

function parseLeft(lines) {
  const [device, counter, end] = lines.fields(3);
  return new StayDevice(device, decodeInteger(counter), end);
}

function parseSeries(lines) {
  const [device, name, readings, low, high, ...durations] = lines.fields(8);
  const extremes = [low, high].map((value) => (value === "-" ? null : decodeInteger(value)));
  return new Series(device, name, decodeInteger(readings), ...extremes, ...durations.map(decodeInteger));
}

/** Members whose range was checked, as numbers; null stays. */
function numbers(members) {
  return Object.fromEntries(
    Object.entries(members).map(([name, value]) => [name, value === null ? null : Number(value)]),
  );
}

function requireDevice(device) {
  if (!DEVICE.test(device)) {
    throw new MalformedError(`a device's id has 32 lower-case hex digits: ${quoted(device)}`);
  }
}

function requireChannels(end, channels) {
  if (end !== null || channels.length > MAX_CHANNELS) {
    throw new MalformedError(`roles of at most ${MAX_CHANNELS} channels are said, and on entering`);
  }
  for (const pair of pairsOf(channels)) {
    if (!CHANNEL.test(pair)) throw new MalformedError(`not a channel and its role: ${quoted(pair)}`);
  }
  requireAscending("channels", channels.map(([name]) => name));
}

function requireDevices(devices, ends) {
  requireAscending("devices", devices.map(({ device }) => device));
  for (const { device, end } of devices) {
    if (!ends.has(end)) throw new MalformedError(`device ${device} cannot end ${quoted(end)} here`);
  }
}

function requireAsset(asset, count, head) {
  requireStream(asset);
  requireRange("a record count", count);
  requireSize("the head of a stream", head, HASH_SIZE);
  if ((BigInt(count) === 0n) !== equalBytes(head, GENESIS)) {
    throw new MalformedError("the head of a stream is zero exactly when it has no records");
  }
}

function requireInterval(lowMilliC, highMilliC) {
  requireRange("a temperature in thousandths of a degree", lowMilliC, -MAX_MILLI_C, MAX_MILLI_C);
  requireRange("a temperature in thousandths of a degree", highMilliC, lowMilliC, MAX_MILLI_C);
}

function requireAscending(what, keys) {
  if (keys.some((key, i) => i > 0 && compareText(keys[i - 1], key) >= 0)) {
    throw new MalformedError(`${what} must be sorted, each once`);
  }
}
