// Everything that can go wrong while verifying: the tree of traceability/errors.py, with the same
// codes and remedies. A code never changes its meaning (docs/formats.md, Reason codes).

/** Root of all errors of this project. */
export class TraceabilityError extends Error {
  static code = "error";
  static advice = "Report this: it is a defect of the program.";
  #remedy;

  constructor(message = "", remedy = null) {
    super(message);
    this.name = new.target.name;
    this.notes = [];
    this.#remedy = remedy;
  }

  /** The stable reason code of its class. */
  get code() {
    return this.constructor.code;
  }

  /** What a person can do next, as one sentence; this case's own, or that of all with its code. */
  remedy() {
    return this.#remedy || this.constructor.advice;
  }

  /** Says where it happened, as Python's `add_note` does. */
  addNote(note) {
    this.notes.push(note);
  }
}

/** Bytes or text that do not parse. */
export class MalformedError extends TraceabilityError {
  static code = "malformed";
  static advice = "Correct what the message names; docs/formats.md has the form of everything.";
}

export class IdentifierError extends MalformedError {
  static code = "bad-identifier";
  static advice = "Compare it with the label or list that it is from; a GS1 key ends with a check digit.";
}

export class EncodingError extends MalformedError {
  static code = "bad-encoding";
  static advice = "Encode deterministically: RFC 8949 4.2.1 for CBOR, unpadded base64url for JOSE.";
}

export class StatementError extends MalformedError {
  static code = "bad-statement";
}

export class ReadingsError extends MalformedError {
  static code = "bad-readings";
  static advice = "Send a SenML pack as docs/formats.md describes it: closed units, plausible values, times.";
}

export class OversizeError extends MalformedError {
  static code = "oversize";
  static advice = "Split the content: the limits are listed in docs/formats.md.";
}

export class BundleError extends MalformedError {
  static code = "bad-bundle";
  static advice = "Export the bundle again, or download it from the batch page.";
}

/** A label's trace code with a slip of the pen. */
export class TraceCodeError extends MalformedError {
  static code = "bad-trace-code";
  static advice = "Compare it with the label: a number, and eight groups of four letters and digits.";
}

/** Something does not match what was signed, hashed or logged; says what was expected and what came. */
export class TamperError extends TraceabilityError {
  static code = "tampered";
  static advice = "Do not rely on it; keep the file and tell the authority that runs the node.";

  constructor(what, expected = null, got = null) {
    super(expected === null && got === null ? what : `${what}: expected ${shown(expected)}, got ${shown(got)}`);
    Object.assign(this, { what, expected, got });
  }
}

export class KeyRefusedError extends TamperError {
  static code = "key-refused";
  static advice = "Make a new Ed25519 key; keys of small order and non-canonical keys are never accepted.";
}

export class SignatureMismatchError extends TamperError {
  static code = "bad-signature";
}

export class ProofMismatchError extends TamperError {
  static code = "bad-proof";
}

export class ChainMismatchError extends TamperError {
  static code = "bad-chain";
}

/** Times of one log that contradict one another. */
export class TimeMismatchError extends TamperError {
  static code = "bad-time";
}

/** A genuine statement shown on a stream it does not speak about. */
export class SubjectMismatchError extends TamperError {
  static code = "wrong-subject";
}

/** A chain that is not the one of a label's trace code. */
export class LabelMismatchError extends TamperError {
  static code = "label-mismatch";
  static advice =
    "See that label and lot belong together. If they do, the chain was rewritten: " +
    "keep both and tell the authority that runs the node.";
}

/** Well formed and genuine, but not allowed here and now. */
export class RefusedError extends TraceabilityError {
  static code = "refused";
  static advice = "Nothing was changed.";
}

export class UnknownSignerError extends RefusedError {
  static code = "unknown-signer";
  static advice = "Enrol the key first: traceability enrol --help.";
}

/** A known key, before its time, rotated away or revoked. */
export class KeyNotInForceError extends RefusedError {
  static code = "key-not-in-force";
  static advice = "Look at the holder's keys: traceability key list --help.";
}

function shown(value) {
  if (value instanceof Uint8Array) {
    return value.length <= 64 ? hex(value) : `${hex(value.subarray(0, 32))}… (${value.length} bytes)`;
  }
  const text = value === null ? "None" : String(value);
  return text.length <= 200 ? text : `${text.slice(0, 199)}…`;
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
