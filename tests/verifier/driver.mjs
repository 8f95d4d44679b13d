// Answers questions about the verifier: one JSON line asks {question, cases}, one line answers.
// A case is a list of arguments; an answer is what came back, or {refused: code}.

import { createInterface } from "node:readline";
import { quickVerifier } from "../../webapp/verifier/crypto.js";
import { TraceabilityError } from "../../webapp/verifier/errors.js";
import * as errors from "../../webapp/verifier/errors.js";
import * as gs1 from "../../webapp/verifier/gs1/index.js";
import { Helper, Left } from "../../webapp/verifier/helpers.js";
import * as identifiers from "../../webapp/verifier/identifiers.js";
import * as lines from "../../webapp/verifier/ledger/lines.js";
import * as merkle from "../../webapp/verifier/ledger/merkle.js";
import * as note from "../../webapp/verifier/ledger/note.js";
import * as proof from "../../webapp/verifier/ledger/proof.js";
import * as record from "../../webapp/verifier/ledger/record.js";
import * as state from "../../webapp/verifier/ledger/state.js";
import * as stay from "../../webapp/verifier/ledger/stay.js";
import * as tracecode from "../../webapp/verifier/ledger/tracecode.js";
import * as memory from "../../webapp/verifier/memory.js";
import * as media from "../../webapp/verifier/media.js";
import * as cbor from "../../webapp/verifier/signing/cbor.js";
import * as cose from "../../webapp/verifier/signing/cose.js";
import * as jose from "../../webapp/verifier/signing/jose.js";
import * as kept from "../../webapp/verifier/signing/kept.js";
import { PublicKey, leaving } from "../../webapp/verifier/signing/keys.js";
import * as keystatement from "../../webapp/verifier/signing/keystatement.js";
import * as parts from "../../webapp/verifier/signing/parts.js";
import * as revocation from "../../webapp/verifier/signing/revocation.js";
import * as sdjwt from "../../webapp/verifier/signing/sdjwt.js";
import * as strictjson from "../../webapp/verifier/signing/strictjson.js";

/** Marks a number as a float: in CBOR an integer is a BigInt and a number a float. */
const floats = (value) => described(value, (number) => ({ float: ieee754(number) }));
const ALGORITHMS = new Set([cose.ED25519, cose.EDDSA]);

const QUESTIONS = {
  errors: () => Object.values(errors).map(({ code, advice, name, prototype }) =>
    [name, code, advice, Object.getPrototypeOf(prototype).constructor.name]),
  media: () => Object.entries(media).filter(([, value]) => typeof value !== "function")
    .map(([name, value]) => [name, value instanceof Set ? [...value].sort() : value]),
  gs1: () => gs1.KEYS.map(({ name, elements, firstDigit, absent }) => [
    name, elements.map(([ai, made]) => [ai, made.map((part) => [{ ...part, chars: [...part.chars].sort().join("") }].map(
      ({ name: called, shortest, longest, chars, checked, zeroFirst }) =>
        [called, shortest, longest, chars, checked, zeroFirst],
    )[0])]), firstDigit, absent,
  ]),
  ed25519: (raw, message, signature) => new PublicKey(raw).verify(message, signature) ?? true,
  ed25519Often: (raw, pairs) => {
    const key = new PublicKey(raw);
    const verified = ([message, signature]) => answer("verified", [], () => key.verify(message, signature) ?? true);
    return Promise.all(pairs.map(verified));
  },
  quick: (raw, ...signed) => {
    const left = new Left();
    leaving(left, () => new PublicKey(raw).verify(...signed));
    return left.hold();
  },
  leftKey: (raw) => {
    const left = new Left();
    leaving(left, () => new PublicKey(raw));
    return left.hold();
  },
  /** As `quick` where the worker that was asked is lost: after one question, and before another. */
  lost: (raw, ...signed) => {
    const helper = new Helper({ postMessage: () => {} }), left = new Left([helper]);
    leaving(left, () => { for (let i = 0; i < 65; i += 1) new PublicKey(raw).verify(...signed); });
    helper.lose();
    return left.hold();
  },
  quickFrom: async (kind) => (await quickVerifier(SUBTLES[kind])) !== null,
  cborDecode: (data, maxDepth) => floats(cbor.decode(data, maxDepth)),
  cborAgain: (data) => cbor.encode(cbor.decode(data)),
  json: (text) => {
    const value = strictjson.jsonDecode(text);
    return [value, strictjson.jsonEncode(value)];
  },
  jsonCanonical: strictjson.jsonDecodeCanonical,
  jsonWithin: strictjson.jsonDecode,
  b64urlDecode: strictjson.b64urlDecode,
  b64url: strictjson.b64url,
  /** The same by our own reading of base64, as where the runtime has none. */
  withoutOwn: (question, ...args) => {
    const { fromBase64 } = Uint8Array;
    Uint8Array.fromBase64 = undefined;
    try {
      return QUESTIONS[question](...args);
    } finally {
      Uint8Array.fromBase64 = fromBase64;
    }
  },
  hasOwn: () => Uint8Array.fromBase64 !== undefined,
  decodeBase64: lines.decodeBase64,
  encodeBase64: lines.encodeBase64,
  decodeInteger: lines.decodeInteger,
  decimal: (text) => String(new strictjson.Decimal(text)),
  cose: (data, older, raw) => {
    const parsed = cose.parseSign1(data, undefined, older ? ALGORITHMS : undefined);
    if (raw) parsed.verify(new PublicKey(raw));
    return [parsed.typ, parsed.contentType, parsed.kid, floats(parsed.protected), parsed.payload, parsed.signature];
  },
  envelope: (data, raw, externalAad) => {
    const { protected: headers, unprotected, payload, proof: signature } = cose.parseEnvelope(data, 18, 16384);
    cose.verifySign1(new PublicKey(raw), headers, payload, signature, externalAad);
    return [headers, floats(unprotected), payload];
  },
  jws: (data) => jose.jwsParseGeneral(data, media.KEY),
  keyAct: revocation.parseKeyAct,
  keyStatement: keystatement.parseKeyStatement,
  verifiedKeyAct: (data, raw) => revocation.parseKeyAct(data).verify(new PublicKey(raw)) ?? true,
  sdjwt: (statement, disclosures, raw) => {
    const parsed = sdjwt.parse(statement);
    if (raw) parsed.verify(new PublicKey(raw));
    const shown = disclosures && sdjwt.reveal(parsed.payload, disclosures);
    return [parsed.kid, parsed.typ, parsed.iss, parsed.iat, shown];
  },
  reveal: sdjwt.reveal,
  parts: (path) => [parts.kept(path), parts.hideEvent(path)],
  keptMembers: kept.keptMembers,
  inclusion: (index, size, leaf, hashes, root) => merkle.verifyInclusion(index, size, leaf, hashes, root) ?? true,
  consistency: (size1, size2, root1, root2, hashes) =>
    merkle.verifyConsistency(size1, size2, root1, root2, hashes) ?? true,
  note: (data, vkeys) => {
    const parsed = note.parseNote(data);
    return [parsed, note.verify(parsed, vkeys.map(note.parseVkey)).map(({ by, timeS }) => [by.vkey(), timeS])];
  },
  checkpoint: (text) => [note.parseCheckpoint(text), note.parseCheckpoint(text).text()],
  vkey: (text) => [note.parseVkey(text), note.parseVkey(text).vkey()],
  proof: proof.parseProof,
  verifyProof: (data, leaf, vkeys) => proof.verifyProof(proof.parseProof(data), leaf, vkeys.map(note.parseVkey)),
  record: (text) => [record.parseRecord(text), record.parseRecord(text).hash],
  chain: (texts, startSeq, prev, stream) =>
    record.checkChain(texts.map(record.parseRecord), { startSeq, prev, stream }),
  commit: record.commit,
  parseTime: record.parseTime,
  stateLeaf: (text) => [state.parseStateLeaf(text), state.parseStateLeaf(text).hash],
  presence: (root, uri, ...members) =>
    state.verifyPresence(root, state.streamHash(uri), new state.Presence(...members)) ?? true,
  traceCode: (count, hash) => [tracecode.traceCode(count, hash), tracecode.traceCode(count, hash).text],
  parseTraceCode: (text) => [tracecode.parseTraceCode(text), tracecode.parseTraceCode(text).text],
  stayOpen: stay.parseStayOpen,
  stayClose: stay.parseStayClose,
  stayAmend: stay.parseStayAmend,
  parseStream: identifiers.parseStream,
  parseParty: identifiers.parseParty,
  parseNodeName: identifiers.parseNodeName,
  parseKey: (text) => [gs1.parseKey(text), gs1.parseKey(text).path, gs1.parseKey(text).restricted],
  canonical: (uri, node) => [identifiers.canonical(uri, node), identifiers.streamOf(uri, node)],
  remembered: (vkey, kept, seen) => {
    const storage = kept === false ? null : new Storage(kept), log = note.parseVkey(vkey);
    const codes = seen.map(([text, timeMs, proof, asked]) => {
      const remembering = new memory.Memory(storage, log), now = new memory.Accepted(text, timeMs);
      const wanted = remembering.wanted(now);
      return [remembering.compare(now, proof && memory.parseGrowth(proof), asked).code, wanted];
    });
    return [codes, storage && [...storage.items.values()], new memory.Memory(storage, log).evidence()];
  },
  forgotten: (names) => {
    const storage = new Storage(null);
    names.forEach((name) => storage.setItem(name, ""));
    memory.forget(storage);
    return [...storage.items.keys()];
  },
  after: (code, statuses, exitCode) =>
    [statuses.map(([name, status]) => memory.statusAfter(code, name, status)), memory.exitAfter(code, exitCode)],
  batch: (gtin, lot) => new identifiers.Batch(gtin, lot).uri("node.example"),
};

/** A browser's storage; what is kept at first stands under any name, and `true` stands for one that is full. */
class Storage {
  constructor(kept) {
    Object.assign(this, { kept, items: new Map() });
  }

  get length() {
    return this.items.size;
  }

  key(position) {
    return [...this.items.keys()][position];
  }

  getItem(name) {
    return this.items.get(name) ?? (typeof this.kept === "string" ? this.kept : null);
  }

  setItem(name, text) {
    if (this.kept === true) throw new DOMException("full", "QuotaExceededError");
    this.items.set(name, text);
  }

  removeItem(name) {
    this.items.delete(name);
  }
}

/** What a browser may have in the place of an Ed25519 that keeps to the rule. */
const importKey = async () => ({});
const SUBTLES = {
  own: globalThis.crypto.subtle,
  none: null,
  lenient: { importKey, verify: async () => true },
  refusing: { importKey, verify: async () => false },
  ignorant: { importKey: async () => { throw new DOMException("Ed25519", "NotSupportedError"); } },
};

async function answer(question, args, ask = QUESTIONS[question]) {
  try {
    return described(await ask(...args.map(read)));
  } catch (error) {
    if (error instanceof TraceabilityError) return { refused: error.code };
    return { failed: String(error?.stack ?? error) };
  }
}

/** A value as JSON that tells integers, floats, decimals, bytes, maps and objects apart. */
function described(value, number = (integer) => ({ int: Object.is(integer, -0) ? "-0" : String(integer) })) {
  if (value === undefined) return { undefined: true };
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "bigint") return { int: String(value) };
  if (typeof value === "number") return number(value);
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("hex") };
  if (value instanceof strictjson.Decimal) return { decimal: String(value) };
  if (value instanceof Map) return { map: [...value].map((pair) => pair.map((item) => described(item, number))) };
  if (Array.isArray(value)) return value.map((item) => described(item, number));
  if (Object.getPrototypeOf(value) === Object.prototype) return value;
  const members = Object.entries(value).map(([name, item]) => [name, described(item, number)]);
  return { object: Object.fromEntries(members) };
}

/** The opposite, for arguments. */
function read(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(read);
  if ("bytes" in value) return new Uint8Array(Buffer.from(value.bytes, "hex"));
  if ("int" in value) return Number.isSafeInteger(Number(value.int)) ? Number(value.int) : BigInt(value.int);
  if ("decimal" in value) return new strictjson.Decimal(value.decimal);
  return new Map(value.map.map((pair) => pair.map(read)));
}

function ieee754(number) {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(number);
  return bytes.toString("hex");
}

for await (const line of createInterface({ input: process.stdin })) {
  const { question, cases } = JSON.parse(line);
  const answers = [];
  for (const args of cases) answers.push(await answer(question, args));
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}
