// Who looks at the keys and signatures that a check leaves for later: workers beside it, each of which runs this
// very program, or the same code in place. By the runtime's own Ed25519 where there is one to rely on, else by ours.

import { quickVerifier } from "./crypto.js";
import { concat, toHex } from "./octets.js";
import { PublicKey, SIGNATURE_BYTES } from "./signing/keys.js";

/** What a worker of this kind is called. */
export const HELPER = "helper";
/** So many beside the one that checks; more would wait for it. */
const MOST = 3;
const HANDFUL = 64;

/**
 * Workers that wait to help `worker`, which is told so; none where there is one core. A page starts them all: a worker
 * that came from a file cannot start one.
 */
export function startHelpers(worker, address) {
  const count = Math.min(MOST, (navigator.hardwareConcurrency ?? 1) - 1);
  const ports = Array.from({ length: Math.max(0, count) }, (_, lost) => {
    const { port1, port2 } = new MessageChannel(), helper = new Worker(address, { name: HELPER });
    helper.onerror = () => worker.postMessage({ lost });
    helper.postMessage(null, [port1]);
    return port2;
  });
  worker.postMessage({ ports }, ports);
}

/** The keys and signatures of one check, handed on by the handful; for `leaving`. */
export class Left {
  #helpers;
  #groups = new Map();
  #count = 0;
  #answers = [];

  constructor(helpers = []) {
    this.#helpers = helpers;
  }

  key(raw) {
    this.#partsOf(raw);
  }

  signature(raw, message, signature) {
    this.#partsOf(raw).push(signature, message);
    this.#count += 1;
    if (this.#count % HANDFUL === 0) this.#hand();
  }

  /** Whether each key and each signature holds. */
  async hold() {
    this.#hand();
    return (await Promise.all(this.#answers)).every((held) => held === true);
  }

  #partsOf(raw) {
    if (!this.#groups.has(raw)) this.#groups.set(raw, []);
    return this.#groups.get(raw);
  }

  #hand() {
    const groups = [...this.#groups].map(([raw, parts]) => ({ raw, ends: endsOf(parts), bytes: concat(...parts) }));
    const helper = this.#helpers[this.#answers.length % this.#helpers.length];
    this.#answers.push(helper ? helper.ask(groups) : answer(groups));
    this.#groups.clear();
  }
}

/** Answer on the port that the page hands over. */
export function help(worker) {
  worker.onmessage = ({ ports: [port] }) => {
    port.onmessage = async ({ data: { number, groups } }) => port.postMessage({ number, held: await answer(groups) });
  };
}

/** A worker behind a port, and what it was asked; once it is lost, this thread answers. */
export class Helper {
  #port;
  #asked = new Map();
  #number = 0;

  constructor(port) {
    this.#port = port;
    port.onmessage = ({ data: { number, held } }) => this.#resolve(number, held);
  }

  ask(groups) {
    if (this.#port === null) return answer(groups);
    return new Promise((resolve) => {
      this.#asked.set((this.#number += 1), { groups, resolve });
      this.#port.postMessage({ number: this.#number, groups });
    });
  }

  lose() {
    this.#port = null;
    for (const [number, { groups }] of [...this.#asked]) this.#resolve(number, answer(groups));
  }

  #resolve(number, held) {
    this.#asked.get(number)?.resolve(held);
    this.#asked.delete(number);
  }
}

const keys = new Map();
let quick;

/** Whether keys are of the one kind allowed, and signatures theirs. */
async function answer(groups) {
  quick ??= quickVerifier();
  const own = await quick;
  const verify = (key, ...signed) => (own === null ? (key.verify(...signed) ?? true) : own(key.raw, ...signed));
  try {
    const answers = groups.flatMap(({ raw, ends, bytes }) => {
      const key = keyOf(raw);
      return ends.map((end, i) => {
        const signed = bytes.subarray(ends[i - 1] ?? 0, end);
        return verify(key, signed.subarray(SIGNATURE_BYTES), signed.subarray(0, SIGNATURE_BYTES));
      });
    });
    return (await Promise.all(answers)).every((held) => held === true);
  } catch {
    return false;
  }
}

function keyOf(raw) {
  const name = toHex(raw);
  if (!keys.has(name)) keys.set(name, new PublicKey(raw));
  return keys.get(name);
}

/** Where each signature and its message end. */
function endsOf(parts) {
  let end = 0;
  return parts.map(({ length }) => (end += length)).filter((_, i) => i % 2);
}
