// Answers, line by line, what the verifier in JavaScript says: {bundle, policy, nowMs, code} in, the verdict out.
import { createInterface } from "node:readline";
import { TraceabilityError, checkNow } from "../../webapp/verifier/verify.js";

function answer({ bundle, policy, nowMs, code }) {
  try {
    const given = policy === null ? null : new Uint8Array(Buffer.from(policy, "base64"));
    const verdict = checkNow(new Uint8Array(Buffer.from(bundle, "base64")), given, nowMs, code);
    return { verdict: verdict.toJson(), lines: verdict.lines() };
  } catch (error) {
    return error instanceof TraceabilityError ? { refused: error.code } : { crashed: error.stack };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
}
