// One key: whose it is, and when it speaks for them; which keys there are, `signers` reads.

/**
 * A key: whose it is, and when it speaks for them; `untilMs` is null while it is in force, `revocation` and
 * `revokedMs` if nothing revoked it. Of a device, the counters (BigInt) from `first` on are this key's, and where it was
 * rotated away or a farewell was said (`last` is not null) those up to `last` count still; `following` is the rotation
 * by which the device goes on, `rotated` the key itself if one brought it in.
 */
export class Signer {
  constructor({ statement, fromMs, untilMs = null, revocation = null, revokedMs = null, ...more }) {
    const { first = 0n, last = null, following = null, rotated = null } = more;
    Object.assign(this, { statement, fromMs, untilMs, revocation, revokedMs, first, last, following, rotated });
    Object.freeze(this);
  }

  /** The same key with other members. */
  with(members) {
    return new Signer({ ...this, ...members });
  }

  get key() {
    return this.rotated ?? this.statement.key;
  }

  /** URI of its key stream. */
  get stream() {
    return this.statement.stream;
  }

  /** URI of the party or device that holds it. */
  get subject() {
    return this.statement.subject;
  }

  /** URI of the party that owns the device; null for a party's key. */
  get owner() {
    return this.statement.owner;
  }

  /** Who keeps a party's private key, `node` or `self`; null for a device's. */
  get custody() {
    return this.statement.custody;
  }

  /** Whether it was in force for what was recorded then; a device's statement has a counter. */
  speaksAt(atMs, counter = null) {
    if (atMs < this.fromMs || (this.revokedMs !== null && this.revokedMs <= atMs)) return false;
    if (counter !== null && counter < this.first) return false;
    if (this.following === null && (this.untilMs === null || atMs < this.untilMs)) return true;
    return counter !== null && this.last !== null && counter <= this.last;
  }

  /** Whether misuse is suspected of what was recorded then. */
  suspectedAt(atMs) {
    const since = this.revocation?.suspectedS ?? null;
    return since !== null && atMs >= since * 1000;
  }
}
