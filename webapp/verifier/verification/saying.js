// Who said what a bundle holds, in one line: the answer to `signed`.

import * as media from "../media.js";

/** The parties by who keeps their keys, whether makers contradict each other, and the devices. */
export function whoSigned(journey, signers) {
  const names = { self: new Set(), node: new Set() };
  for (const { custody, party } of [...journey.happenings, ...journey.documents]) {
    names[custody].add(journey.names.get(party).get("en"));
  }
  const said = names.self.size ? [`signed by ${[...names.self].join(", ")}`] : [];
  if (names.node.size) said.push(`entered by ${[...names.node].join(", ")}, signed by the node for them`);
  const suspected = journey.happenings.filter((happening) => happening.suspected).length;
  const { makers } = journey;
  if (makers.length > 1) {
    const claim = makers.map((party) => journey.names.get(party).get("en")).join(", ");
    said.unshift(`${makers.length} firms say that they made it (${claim}): the first is followed`);
  }
  if (suspected) said.push(`events under suspicion that their key was misused: ${suspected}`);
  const doubted = journey.records.filter((record) => record.suspected).map(({ stream, seq }) => `${stream} ${seq}`);
  const messages = new Set(doubted).size;
  if (messages) said.push(`messages of sensors under suspicion that their key was misused: ${messages}`);
  const frames = journey.records.filter(({ mediaType }) => mediaType === media.FRAME).length;
  const owned = [...signers.byKid.values()].filter(({ owner }) => owner !== null);
  const devices = new Set(owned.map(({ subject }) => subject)).size;
  return [...said, `${frames} frames signed by ${devices} devices`].join("; ");
}
