// How long a temperature was above or below its limits, and how long nobody knows: integers only.
// Between two samples no farther apart than the longest gap the temperature is the straight line
// between them; crossings are floor-divided. What no line covers is unknown, never safe.

import { ReadingsError } from "../errors.js";
import { milli } from "./senml.js";

/** What a product bears: thousandths of a degree Celsius, and the longest interval to interpolate over, in ms. */
export class Limits {
  constructor(lowMilliC, highMilliC, maxGapMs) {
    if (lowMilliC > highMilliC || maxGapMs <= 0) {
      throw new ReadingsError(`not a pair of limits and a longest gap: ${lowMilliC} ${highMilliC} ${maxGapMs}`);
    }
    Object.assign(this, { lowMilliC, highMilliC, maxGapMs });
    Object.freeze(this);
  }
}

/** A reading in degrees Celsius as {atMs, milliC}. Throws ReadingsError for another unit. */
export function sampleOf({ name, unit, atMs, value }) {
  if (unit !== "Cel") throw new ReadingsError(`${name} is in ${unit}, not in Cel`);
  return Object.freeze({ atMs, milliC: milli(value) });
}

/**
 * Time above, below and unknown in a window, and how many samples are inside it and their extremes
 * (null without any). Samples have strictly increasing times; start <= end. Throws ReadingsError.
 */
export function exposure(samples, limits, startMs, endMs) {
  if (startMs > endMs) throw new ReadingsError(`a window from ${startMs} ms cannot end at ${endMs} ms`);
  for (let i = 1; i < samples.length; i += 1) {
    if (samples[i].atMs > samples[i - 1].atMs) continue;
    throw new ReadingsError(`a sample at ${samples[i].atMs} ms follows one at ${samples[i - 1].atMs} ms`);
  }
  const inside = samples.filter(({ atMs }) => startMs <= atMs && atMs <= endMs).map(({ milliC }) => milliC);
  const total = { above: 0, below: 0, within: 0 };
  for (const [fromMs, toMs, side] of lines(samples, limits, startMs, endMs)) total[side] += toMs - fromMs;
  return Object.freeze({
    samples: inside.length,
    minMilliC: inside.length ? inside.reduce((a, b) => Math.min(a, b)) : null,
    maxMilliC: inside.length ? inside.reduce((a, b) => Math.max(a, b)) : null,
    aboveMs: total.above,
    belowMs: total.below,
    withinMs: total.within,
    unknownMs: endMs - startMs - total.above - total.below - total.within,
  });
}

/** The parts of the lines between samples, cut at the limits and at the window. */
function* lines(samples, limits, startMs, endMs) {
  for (let i = 1; i < samples.length; i += 1) {
    const a = samples[i - 1], b = samples[i];
    if (b.atMs - a.atMs > limits.maxGapMs) continue;
    for (const [lineFrom, lineTo, side] of split(a, b, limits)) {
      const fromMs = Math.max(lineFrom, startMs), toMs = Math.min(lineTo, endMs);
      if (fromMs < toMs) yield [fromMs, toMs, side];
    }
  }
}

/** A straight line cut where it crosses a limit; a falling one is a rising one mirrored. */
function split(a, b, { lowMilliC: low, highMilliC: high }) {
  if (low <= a.milliC && a.milliC <= high && low <= b.milliC && b.milliC <= high) return [[a.atMs, b.atMs, "within"]];
  if (b.milliC === a.milliC) {
    return [[a.atMs, b.atMs, a.milliC > high ? "above" : a.milliC < low ? "below" : "within"]];
  }
  const rising = b.milliC > a.milliC;
  const first = rising ? a.milliC : -a.milliC, rise = Math.abs(b.milliC - a.milliC);
  const [bottom, top] = rising ? [low, high] : [-high, -low];
  const lowMs = a.atMs + crossing(bottom - first, b.atMs - a.atMs, rise);
  const highMs = a.atMs + crossing(top - first, b.atMs - a.atMs, rise);
  const [before, behind] = rising ? ["below", "above"] : ["above", "below"];
  return [[a.atMs, lowMs, before], [lowMs, highMs, "within"], [highMs, b.atMs, behind]];
}

/** Milliseconds until a line has risen so far: floor division, between 0 and the whole span. */
function crossing(height, spanMs, rise) {
  if (height <= 0) return 0;
  if (height >= rise) return spanMs;
  return Number((BigInt(height) * BigInt(spanMs)) / BigInt(rise));
}
