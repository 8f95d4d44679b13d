// Readings of a SenML pack in CBOR: a closed profile of RFC 8428, as docs/formats.md describes it.
// Times become milliseconds as floor((bt + t) * 1000 + 0.5) in doubles, in this order.

import { OversizeError, ReadingsError } from "../errors.js";
import * as cbor from "../signing/cbor.js";

export const MAX_PACK_BYTES = 16_384;
export const MAX_READINGS = 1_000;
export const MAX_DEPTH = 4;
/** Times below are relative, times from here on are Unix time (RFC 8428 4.5.3), in seconds. */
export const ABSOLUTE_FROM_S = 2 ** 28;
/** First second that RFC 3339 cannot write. */
export const YEAR_10000_S = 253_402_300_800;

const BASE_NAME = -2n, BASE_TIME = -3n, BASE_UNIT = -4n;
const NAME = 0n, UNIT = 1n, VALUE = 2n, TIME = 6n;
const RECORD_LABELS = new Set([NAME, UNIT, VALUE, TIME]);
const FIRST_LABELS = new Set([...RECORD_LABELS, BASE_NAME, BASE_TIME, BASE_UNIT]);
const NAME_FORM = /^[a-z0-9][a-z0-9_-]{0,31}$/;

/** Units of the IANA SenML registry that are accepted, each with its bounds (inclusive). */
export const UNITS = new Map([
  ["Cel", [-270, 1372]],
  ["%RH", [-6, 119]],
  ["lx", [0, 200_000]],
  ["lat", [-90, 90]],
  ["lon", [-180, 180]],
  ["m", [-11_100, 100_000]],
  ["m/s", [-515, 515]],
  ["m/s2", [-1962, 1962]],
  ["V", [-1500, 1500]],
  ["%EL", [0, 100]],
  ["/", [0, 1]],
  ["count", [0, 4_294_967_295]],
]);

/** The readings of a pack, in its order: {name, unit, atMs, value}. Throws EncodingError, ReadingsError. */
export function parsePack(data, baseName, absolute) {
  if (data.length > MAX_PACK_BYTES) {
    throw new OversizeError(`a pack has at most ${MAX_PACK_BYTES} bytes, this one ${data.length}`);
  }
  const records = cbor.decode(data, MAX_DEPTH);
  if (!Array.isArray(records) || !(records[0] instanceof Map)) {
    throw new ReadingsError("a pack is an array of records");
  }
  const [first] = records;
  if (first.get(BASE_NAME) !== baseName) throw new ReadingsError(`the base name must be ${baseName}`);
  const baseTimeS = number(first, BASE_TIME), baseUnit = first.get(BASE_UNIT);
  const readings = records.map((record, position) => {
    requireLabels(record, position);
    return reading(record, baseTimeS, baseUnit);
  });
  checkReadings(readings, absolute);
  return readings;
}

/** Thousandths of a value, halves rounded up. Throws ReadingsError if it cannot be counted in them. */
export function milli(value) {
  const scaled = value * 1000 + 0.5;
  if (!(Math.abs(scaled) < 2 ** 53)) throw new ReadingsError(`${value} cannot be counted in thousandths`);
  return Math.floor(scaled);
}

function requireLabels(record, position) {
  if (!(record instanceof Map)) throw new ReadingsError("a record is a map");
  const known = position ? RECORD_LABELS : FIRST_LABELS;
  for (const label of record.keys()) {
    if (!known.has(label)) throw new ReadingsError(`record ${position} has a label outside the profile: ${label}`);
  }
}

function reading(record, baseTimeS, baseUnit) {
  const name = record.get(NAME), unit = record.has(UNIT) ? record.get(UNIT) : baseUnit;
  if (typeof name !== "string" || typeof unit !== "string") {
    throw new ReadingsError("a reading needs a name and a unit, both text");
  }
  const timeS = baseTimeS + (record.has(TIME) ? number(record, TIME) : 0);
  return Object.freeze({ name, unit, atMs: milli(timeS), value: number(record, VALUE) });
}

function number(record, label) {
  const value = record.get(label);
  if (typeof value !== "bigint" && typeof value !== "number") {
    throw new ReadingsError(`label ${label} must be a number`);
  }
  return Number(value);
}

function checkReadings(readings, absolute) {
  if (readings.length > MAX_READINGS) {
    throw new OversizeError(`a pack has at most ${MAX_READINGS} readings, this one ${readings.length}`);
  }
  const [fromS, toS] = absolute ? [ABSOLUTE_FROM_S, YEAR_10000_S] : [0, ABSOLUTE_FROM_S], newest = new Map();
  let ascending = true;
  for (const { name, unit, atMs, value } of readings) {
    const before = newest.get(name);
    ascending &&= before === undefined || before < atMs;
    newest.set(name, atMs);
    if (before === undefined && !NAME_FORM.test(name)) throw new ReadingsError(`not a channel name: ${name}`);
    if (!(fromS * 1000 <= atMs && atMs < toS * 1000)) {
      throw new ReadingsError(`${atMs} ms is not a ${absolute ? "Unix time" : "uptime"} in [${fromS}, ${toS}) s`);
    }
    const bounds = UNITS.get(unit);
    if (bounds === undefined) throw new ReadingsError(`unit ${unit} is not accepted`);
    if (!(bounds[0] <= value && value <= bounds[1])) throw new ReadingsError(`${value} ${unit} is not plausible`);
  }
  if (!ascending && new Set(readings.map(({ name, atMs }) => `${name} ${atMs}`)).size < readings.length) {
    throw new ReadingsError("a channel appears twice at one instant");
  }
}
