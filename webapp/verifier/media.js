// Media types of everything that is signed, chained or handed out: one closed table.

const VENDOR = "application/vnd.food-traceability.";

export const FRAME = `${VENDOR}frame+cose`;
export const GAP = `${VENDOR}gap+cose`;
export const RESUME = `${VENDOR}resume+cose`;
export const ROTATION = `${VENDOR}rotation+cose`;
export const RECEIPT = `${VENDOR}receipt+cose`;
export const CONFIG = `${VENDOR}config+cose`;
export const POSSESSION = `${VENDOR}possession+cose`;

export const EVENT = `${VENDOR}event+sd-jwt`;
export const NOTICE = `${VENDOR}notice+sd-jwt`;
export const KEY = `${VENDOR}key+jws`;

export const STAY_OPEN = `${VENDOR}stay-open`;
export const STAY_CLOSE = `${VENDOR}stay-close`;
export const STAY_AMEND = `${VENDOR}stay-amend`;

export const BUNDLE = `${VENDOR}bundle+json`;
export const SENML_CBOR = "application/senml+cbor";
export const CBOR = "application/cbor";

export const DEVICE_STATEMENTS = new Set([FRAME, GAP, RESUME, ROTATION]);
/** What devices say about an asset or a batch. */
export const MEASURED = new Set([FRAME, GAP]);
/** What has disclosures beside it. */
export const PARTY_STATEMENTS = new Set([EVENT, NOTICE]);
export const STAY_TEXTS = new Set([STAY_OPEN, STAY_CLOSE, STAY_AMEND]);

/** What stands on a key stream. */
export const KEY_ACTS = new Set([KEY, ROTATION]);

/** What a record may commit to; any other line 6 is refused. */
export const RECORDED = new Set([...MEASURED, ...KEY_ACTS, ...PARTY_STATEMENTS, ...STAY_TEXTS]);

/** The `typ` of a JOSE header for a media type (RFC 7515 4.1.9: the prefix is left out). */
export function joseTyp(mediaType) {
  return mediaType.replace(/^application\//, "");
}
