// Where checking begins: a bundle's bytes and a policy's octets in, the verdict out, item by item.

import { quickVerifier } from "./crypto.js";
import { parseTraceCode } from "./ledger/tracecode.js";
import { DeferringKey } from "./signing/keys.js";
import { check as checking } from "./verification/verdict.js";
import { parsePolicy } from "./verification/policy.js";

export { TraceabilityError } from "./errors.js";
export { PARTS, Status } from "./verification/answers.js";
export { parsePolicy } from "./verification/policy.js";

const SLICE_MS = 40;

/**
 * Check a bundle as `traceability verify` does.
 *
 * Where the runtime has an Ed25519 of its own, it is asked about the devices' signatures, all at once. Unless it
 * says yes to each and nothing else is wrong, everything is checked again without it.
 *
 * @param {Uint8Array} bundleBytes
 * @param {Uint8Array|string|null} policyText the policy of whoever checks; without it less can be said
 * @param {number|null} options.nowMs the clock of whoever checks, milliseconds since 1970
 * @param {string|null} options.code a label's trace code, as it was typed
 * @param {function} options.progress called with {part, done, of} now and then, and at the end;
 *     what it returns is waited for
 * @returns {Promise<Verdict>} parts, lines(), toJson(), exitCode
 * Throws BundleError for a policy that is none, TraceCodeError for such a code; never for a bad bundle.
 */
export async function check(bundleBytes, policyText, { nowMs = null, code = null, progress = null } = {}) {
  const asked = begin(bundleBytes, policyText, nowMs, code), quick = await quickVerifier();
  if (quick !== null) {
    const signatures = [];
    const put = (key, message, signature) => signatures.push(quick(key.raw, message, signature));
    const verdict = await walk(checking(...asked, (key) => new DeferringKey(key, put)), progress);
    const held = await Promise.allSettled(signatures);
    if (verdict.failure === null && held.every(({ value }) => value === true)) return verdict;
  }
  return walk(checking(...asked), progress);
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

async function walk(steps, progress) {
  let shownAt = 0, step = steps.next();
  for (; !step.done; step = steps.next()) {
    const now = performance.now();
    if (progress === null || (now - shownAt < SLICE_MS && step.value.done < step.value.of)) continue;
    shownAt = now;
    await progress(step.value);
  }
  return step.value;
}
