// Answers, line by line, what the verifier in JavaScript says: {bundle, policy, nowMs, code} in, the verdict out.
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";
import { TraceabilityError, check, checkNow } from "../../webapp/verifier/verify.js";

/** The verdict of both ways: at once, and as a page asks, with the runtime's own Ed25519. */
async function answer({ bundle, policy, nowMs, code }) {
  try {
    const given = policy === null ? null : new Uint8Array(Buffer.from(policy, "base64"));
    const data = new Uint8Array(Buffer.from(bundle, "base64"));
    const verdict = checkNow(data, given, nowMs, code), paged = await check(data, given, { nowMs, code });
    if (!isDeepStrictEqual(paged.toJson(), verdict.toJson())) return { differing: paged.toJson() };
    return { verdict: verdict.toJson(), lines: verdict.lines() };
  } catch (error) {
    return error instanceof TraceabilityError ? { refused: error.code } : { crashed: error.stack };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
