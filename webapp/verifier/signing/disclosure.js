// Where the parts of an event statement stand; who may see which is decided where statements are
// made and shown, a verifier sees what it was given.

export { Audience, hideEvent, kept } from "./parts.js";

/** Where the event stands among the claims of a statement; `iss` and `iat` stand beside it. */
export const EVENT_CLAIM = "event";
/** Where the `@context` of its document stands, if it had one. */
export const CONTEXT_CLAIM = "context";
