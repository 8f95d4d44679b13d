// What a checked bundle says, as values that a page can be drawn from: nothing here is unverified.

import { begins } from "../supply/epcis/events.js";

/** One event of the batch; the members are those of `traceability.verification.journey.Happening`. */
export class Happening {
  constructor(members) {
    Object.assign(this, members);
    Object.freeze(this);
  }
}

/** A notice of a document; the members are those of `traceability.verification.journey.Document`. */
export class Document {
  constructor(members) {
    Object.assign(this, members);
    Object.freeze(this);
  }
}

/** A whole batch; the members are those of `traceability.verification.journey.Journey`. */
export class Journey {
  constructor(members) {
    Object.assign(this, members);
    Object.freeze(this);
  }

  /**
   * The parties that say that the batch began with them, and did not take it back, by their records.
   *
   * One, or none where it is only named; more contradict each other, and `created` is the first.
   */
  get makers() {
    const claims = new Map();
    for (const { event, node, party } of this.happenings) {
      if (!begins(event, this.batch, node)) continue;
      claims.set(party, (claims.get(party) ?? 0) + (event.has("errorDeclaration") ? -1 : 1));
    }
    return [...claims].filter(([, count]) => count > 0).map(([party]) => party);
  }

  /** What is said of each recall of the batch now, and where: [recall, happening], in order of their beginning. */
  get recalls() {
    const newest = new Map();
    for (const happening of this.happenings) {
      if (happening.recall !== null) newest.set(happening.recall.id, [happening.recall, happening]);
    }
    return [...newest.values()];
  }
}
