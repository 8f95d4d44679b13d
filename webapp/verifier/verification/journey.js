// What a checked bundle says, as values that a page can be drawn from: nothing here is unverified.

/** One event of the batch; the members are those of `traceability.verification.journey.Happening`. */
export class Happening {
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

  /** What is said of each recall of the batch now, and where: [recall, happening], in order of their beginning. */
  get recalls() {
    const newest = new Map();
    for (const happening of this.happenings) {
      if (happening.recall !== null) newest.set(happening.recall.id, [happening.recall, happening]);
    }
    return [...newest.values()];
  }
}
