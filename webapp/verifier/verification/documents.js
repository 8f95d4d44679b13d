// The documents that checked records name, in words.

import { formatTime } from "../ledger/record.js";
import { toHex } from "../octets.js";

const UNNAMED = "its name is withheld";
const SUSPECTED = ", recorded under suspicion that the key was misused";

/** A document for people: what it is, who deposited it about what, and when; `names` of parties, by URI. */
export function documentWords({ notice, party, custody, recordedMs, suspected }, names) {
  const by = custody === "self" ? "deposited by" : "deposited through the node by";
  return [
    `${notice.name ?? UNNAMED} (${notice.purpose}, ${notice.mediaType}, ${notice.size} bytes, SHA-256 ${notice.sha256})`,
    ` ${by} ${names.get(party).get("en")} about ${notice.subject} at ${formatTime(recordedMs)}`,
  ].join(",") + (suspected ? SUSPECTED : "");
}

/** The same for programs; `by` is a party's URI, `statement` the SHA-256 of the signed notice. */
export function documentJson({ notice, party, custody, recordedMs, seq, statement, suspected }) {
  return { ...notice.members(), by: party, custody, recorded: formatTime(recordedMs), seq, statement: toHex(statement), suspected };
}
