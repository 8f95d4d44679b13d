// What nobody may withhold is named in the open part of an event statement: a hidden member that is
// withheld looks like any other, so each statement names the kept members that its event has.

import { compareText } from "../octets.js";
import { hideEvent, kept } from "./parts.js";

/** Where the names stand among the claims of a statement, in plain. */
export const KEPT_CLAIM = "kept";

/** The kept members of an event, and of its members: `ilmd`, `ilmd/ft:temperature`; sorted. */
export function keptMembers(event) {
  return Object.freeze([...keptIn(event, [])].sort(compareText));
}

function* keptIn(value, path) {
  for (const [name, item] of value) {
    const place = [...path, name];
    if (!hideEvent(place) || !kept(place)) continue;
    yield place.join("/");
    if (item instanceof Map) yield* keptIn(item, place);
  }
}
