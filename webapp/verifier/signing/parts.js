// The parts of an EPCIS event: which are hidden behind digests, and which nobody may withhold.
// Only what a reader of statements needs of the tree of traceability/signing/parts.py: what is
// divided, what stands open, and what is kept. A part that no row names is hidden whole, and not kept.

/** Who may see a part; from the widest to the narrowest. */
export const Audience = Object.freeze({ PUBLIC: "public", PARTNER: "partner", REGULATOR: "regulator" });

const rule = (members = {}) => Object.freeze({ kept: false, plain: false, parts: null, each: null, ...members });
const OTHER = rule();
const KEPT = rule({ kept: true });
const EPCS = rule({ kept: true, each: KEPT });
const QUANTITIES = rule({
  kept: true,
  each: rule({ kept: true, parts: new Map([["epcClass", rule({ kept: true, plain: true })]]) }),
});
const ERROR_DECLARATION = rule({ kept: true, parts: new Map([["declarationTime", KEPT], ["reason", KEPT]]) });
const ILMD = rule({
  kept: true,
  parts: new Map([["ft:temperature", KEPT], ["ft:parents", rule({ each: OTHER })]]),
});
const KEPT_MEMBERS = [
  "type", "action", "eventTime", "eventTimeZoneOffset", "bizStep", "disposition", "parentID", "ft:recall",
];
const EPC_LISTS = ["epcList", "childEPCs", "inputEPCList", "outputEPCList"];
const QUANTITY_LISTS = ["quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"];
const EVENT = rule({
  kept: true,
  parts: new Map([
    ...KEPT_MEMBERS.map((name) => [name, KEPT]),
    ...EPC_LISTS.map((name) => [name, EPCS]),
    ...QUANTITY_LISTS.map((name) => [name, QUANTITIES]),
    ["errorDeclaration", ERROR_DECLARATION],
    ["ilmd", ILMD],
  ]),
});

/** Whether the part at `path` is never withheld from who may see the page, and never erased. */
export function kept(path) {
  return rulesOn(path).every((met) => met.kept);
}

/** Whether the part at `path` is a disclosure of its own. */
export function hideEvent(path) {
  const rules = rulesOn(path);
  return path.length > 0 && path.length < rules.length && !rules.at(-1).plain;
}

/** The rules met on the way from the event to a part, as far as the tree divides it. */
function rulesOn(path) {
  const met = [EVENT];
  for (const step of path) {
    const { parts, each } = met.at(-1);
    if (parts === null && each === null) break;
    met.push((typeof step === "number" ? each : parts?.get(step)) ?? OTHER);
  }
  return met;
}
