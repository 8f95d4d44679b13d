// What the frames of an asset say about one stay; the node writes it, every verifier recomputes it.

import { ReadingsError } from "../errors.js";
import { MAX_MILLI_C, Series } from "../ledger/stay.js";
import * as media from "../media.js";
import { compareText } from "../octets.js";
import { Limits, exposure, sampleOf } from "../sensing/coldchain.js";
import { Clock } from "../sensing/frame.js";

export const DEFAULT_GAP_MS = 30 * 60 * 1000;
/** For a product whose producer states no limits: nothing is ever outside. */
export const NO_LIMITS = new Limits(-MAX_MILLI_C, MAX_MILLI_C, DEFAULT_GAP_MS);

/** The limits that the event which created a batch states (`ilmd` / `ft:temperature`). Throws ReadingsError. */
export function limitsOf(event) {
  const ilmd = event.get("ilmd");
  const stated = (ilmd instanceof Map ? ilmd.get("ft:temperature") : null) ?? null;
  if (stated === null) return NO_LIMITS;
  if (!(stated instanceof Map)) throw new ReadingsError("ft:temperature holds the limits by name");
  const numbers = ["lowMilliCelsius", "highMilliCelsius", "maxGapSeconds"].map((name) => stated.get(name));
  if (numbers.some((number) => typeof number !== "number")) {
    throw new ReadingsError("ft:temperature holds three whole numbers");
  }
  const [low, high, gap] = numbers;
  return new Limits(low, high, gap * 1000);
}

/**
 * The temperature curves of a stay, by device and sensor name: {device, name, samples, exposure}.
 * Only frames of the given devices count; of two readings of one sensor at one time the first stands.
 */
export function curves(statements, devices, limits, fromMs, toMs) {
  const found = new Map();
  for (const statement of statements) {
    if (statement.mediaType !== media.FRAME || statement.clock === Clock.UNSYNCHRONISED) continue;
    if (devices.has(statement.device)) collect(found, statement);
  }
  const ordered = [...found.values()].sort((a, b) => compareText(a.device, b.device) || compareText(a.name, b.name));
  return ordered.map(({ device, name, all }) => {
    const samples = inOrder(all);
    return Object.freeze({ device, name, samples, exposure: exposure(samples, limits, fromMs, toMs) });
  });
}

/** A curve as a line of a stay-close. */
export function seriesOf({ device, name, exposure: total }) {
  const { samples, minMilliC, maxMilliC, aboveMs, belowMs, unknownMs } = total;
  return new Series(device, name, samples, minMilliC, maxMilliC, aboveMs, belowMs, unknownMs);
}

function collect(found, statement) {
  const { device } = statement, places = new Map();
  for (const reading of statement.readings()) {
    if (reading.unit !== "Cel") continue;
    if (!places.has(reading.name)) places.set(reading.name, placeOf(found, device, reading.name));
    places.get(reading.name).all.push(sampleOf(reading));
  }
}

function placeOf(found, device, name) {
  const place = `${device} ${name}`;
  if (!found.has(place)) found.set(place, { device, name, all: [] });
  return found.get(place);
}

/** Samples by time, of two at one time the first; they mostly come so. */
function inOrder(samples) {
  if (samples.every(({ atMs }, i) => i === 0 || samples[i - 1].atMs < atMs)) return samples;
  const byTime = new Map();
  for (const sample of samples) if (!byTime.has(sample.atMs)) byTime.set(sample.atMs, sample);
  return [...byTime.values()].sort((a, b) => a.atMs - b.atMs);
}
