// EPCIS 2.0 events as a verifier reads them: when they happened, and what they name.
// All of it works on partly disclosed events: what is hidden is simply not there.
// An event is a Map, as strict JSON is read.

import { StatementError } from "../../errors.js";
import { Kind, canonical, parseStream, partyEvents, streamOf } from "../../identifiers.js";

const TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/;
const DEVICE = /^https:\/\/[^/]+\/device\/([0-9a-f]{32})$/;
const QUANTITY_LISTS = ["quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"];
const EPC_LISTS = ["epcList", "childEPCs", "inputEPCList", "outputEPCList"];
const MINUTE_MS = 60_000, DAY_MINUTES = 1_440;
const YEAR_10000_MS = 253_402_300_800_000;

/** When an event happened, in whole milliseconds since 1970 UTC. Throws StatementError: no such time. */
export function eventTimeMs(event) {
  const text = event.get("eventTime");
  const found = typeof text === "string" ? TIME.exec(text) : null;
  if (found === null) throw new StatementError("not the time of an event");
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number);
  const offset = found[8] === undefined ? 0 : Number(found[9]) * 60 + Number(found[10]);
  const moment = new Date(0);
  moment.setUTCFullYear(year, month - 1, day);
  const exists = year > 0 && moment.getUTCMonth() === month - 1 && moment.getUTCDate() === day;
  if (!exists || hour > 23 || minute > 59 || second > 59 || offset >= DAY_MINUTES) {
    throw new StatementError(`not the time of an event: ${text}`);
  }
  moment.setUTCHours(hour, minute, second);
  const sinceMs = moment.getTime() - (found[8] === "-" ? -offset : offset) * MINUTE_MS;
  if (sinceMs < 0 || sinceMs >= YEAR_10000_MS) {
    throw new StatementError(`not the time of an event: ${text} is before 1970 or after 9999`);
  }
  return sinceMs + Number((found[7] ?? "").padEnd(3, "0").slice(0, 3));
}

/** Every URI that an event speaks about, as written: what it names in its lists, and its parent. */
export function subjects(event) {
  const all = [...named(event, [...QUANTITY_LISTS, ...EPC_LISTS]), event.get("parentID")];
  return [...new Set(all.filter((uri) => typeof uri === "string"))];
}

/** The streams of the things that an event names, in its order; without an asset that things are put into. */
export function streamsOf(event, node) {
  const asset = enteredAsset(event, node);
  const found = new Set(subjects(event).map((uri) => streamOf(uri, node)));
  return [...found].filter((uri) => uri !== null && uri !== asset);
}

/** `streamsOf`, or where there are none the stream of the party's other events. */
export function streamsFor(event, node, party) {
  const found = streamsOf(event, node);
  return found.length ? found : [partyEvents(node, party)];
}

/** The stream of the asset that an AggregationEvent puts things into or takes them out of, or null. */
export function enteredAsset(event, node) {
  const parent = event.get("parentID");
  if (event.get("type") !== "AggregationEvent" || typeof parent !== "string") return null;
  const uri = streamOf(parent, node);
  return uri !== null && parseStream(uri).kind === Kind.ASSET ? uri : null;
}

/** The ids of the devices that an AssociationEvent installs or removes. */
export function devicesOf(event) {
  if (event.get("type") !== "AssociationEvent") return [];
  return named(event, ["childEPCs"]).flatMap((uri) => DEVICE.exec(uri)?.slice(1) ?? []);
}

/** Whether by an event a batch comes to be: it is made known, or made from something else. */
export function begins(event, batch, node) {
  if (event.get("type") === "TransformationEvent") {
    const outputs = named(event, ["outputEPCList", "outputQuantityList"]);
    return outputs.some((uri) => canonical(uri, node) === batch);
  }
  return event.get("type") === "ObjectEvent" && event.get("action") === "ADD";
}

function named(event, lists) {
  const items = lists.flatMap((name) => (Array.isArray(event.get(name)) ? event.get(name) : []));
  return items.map((item) => (item instanceof Map ? item.get("epcClass") : item)).filter((uri) => typeof uri === "string");
}
