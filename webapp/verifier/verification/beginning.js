// How a batch began, and the limits that it must keep, as its stream says up to a record.

import { BundleError } from "../errors.js";
import { begins } from "../supply/epcis/events.js";
import { Happening } from "./journey.js";
import { NO_LIMITS, limitsOf } from "./stays.js";

/**
 * The first event by which the batch came to be; if there is none, the first that names it.
 * Records from number `end` on are not looked at. Throws BundleError: none is shown.
 */
export function beginning(batch, end) {
  const { uri } = batch.stretch, before = batch.contents.slice(0, end);
  const happenings = before.filter((content) => content instanceof Happening);
  const begun = happenings.find(({ event, node }) => begins(event, uri, node));
  if (begun !== undefined) return begun;
  if (!happenings.length || before.includes(null)) {
    throw new BundleError(`no record that is shown of ${uri} says how it began`);
  }
  return happenings[0];
}

/** The limits that were known before record `end`: those of the event by which the batch began. */
export function limitsBefore(batch, end) {
  const first = beginning(batch, end);
  return begins(first.event, batch.stretch.uri, first.node) ? limitsOf(first.event) : NO_LIMITS;
}
