// Where checking begins: a bundle's bytes and a policy's octets in, the verdict out, item by item.

import { TraceabilityError } from "./errors.js";
import { Left } from "./helpers.js";
import { parseTraceCode } from "./ledger/tracecode.js";
import { leaving } from "./signing/keys.js";
import { check as checking } from "./verification/verdict.js";
import { parsePolicy } from "./verification/policy.js";

export { TraceabilityError };
export { PARTS, Status } from "./verification/answers.js";
export { parsePolicy } from "./verification/policy.js";

const SLICE_MS = 40;

/**
 * Check a bundle as `traceability verify` does.
 *
 * Keys and signatures are left to helpers, which ask the runtime's own Ed25519 where there is one. Unless they say
 * yes to each and nothing else is wrong, everything is checked again here, by our own rule alone.
 *
 * @param {Uint8Array} bundleBytes
 * @param {Uint8Array|string|null} policyText the policy of whoever checks; without it less can be said
 * @param {number|null} options.nowMs the clock of whoever checks, milliseconds since 1970
 * @param {string|null} options.code a label's trace code, as it was typed
 * @param {function} options.progress called with {part, done, of} now and then, and at the end;
 *     what it returns is waited for
 * @param {array} options.helpers `Helper`s, if there are any
 * @returns {Promise<Verdict>} parts, lines(), toJson(), exitCode
 * Throws BundleError for a policy that is none, TraceCodeError for such a code; never for a bad bundle.
 */
export async function check(bundleBytes, policyText, { nowMs = null, code = null, progress = null, helpers = [] } = {}) {
  const left = new Left(helpers), aside = (work) => leaving(left, work);
  const asked = aside(() => attempt(() => begin(bundleBytes, policyText, nowMs, code)));
  if (asked !== null) {
    const verdict = await walk(checking(...asked), progress, aside);
    if (verdict.failure === null && (await left.hold())) return verdict;
  }
  return walk(checking(...begin(bundleBytes, policyText, nowMs, code)), progress);
}

/** The same at once. */
export function checkNow(bundleBytes, policyText, nowMs = null, code = null) {
  const steps = checking(...begin(bundleBytes, policyText, nowMs, code));
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

function begin(bundleBytes, policyText, nowMs, code) {
  const policy = policyText === null ? null : parsePolicy(policyText);
  return [bundleBytes, policy, nowMs, code === null ? null : parseTraceCode(code)];
}

function attempt(work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof TraceabilityError) return null;
    throw error;
  }
}

async function walk(steps, progress, within = (work) => work()) {
  const next = () => within(() => steps.next());
  let shownAt = 0, step = next();
  for (; !step.done; step = next()) {
    const now = performance.now();
    if (progress === null || (now - shownAt < SLICE_MS && step.value.done < step.value.of)) continue;
    shownAt = now;
    await progress(step.value);
  }
  return step.value;
}
