// What a check comes to, as plain data: made in a worker, so that the page stays alive, or in the page itself.

import { TraceabilityError } from "./errors.js";
import { acceptedBy } from "./memory.js";
import { Words, sentences } from "./sentences.js";
import { documentWords } from "./verification/documents.js";
import { check } from "./verify.js";

/**
 * Check a bundle; the statuses and texts of a page's answers.
 *
 * @param {object} asked {bundle, policy, nowMs, code} as `check` takes them; the page's texts, `table`, and its `lang`
 * @param {function} progress as `check` calls it
 * @returns {Promise<object>} either {refused} or {failed}, a text; or parts, told (by name), label {status, text} or null,
 *     documents (texts, a line each), recall {answer, text}, exitCode, code (of the failure, or null), accepted (null if there is nothing to remember)
 */
export async function report({ bundle, policy, nowMs, code, table, lang }, progress) {
  try {
    const verdict = await check(bundle, policy, { nowMs, code, progress }), { standing, journey, label } = verdict;
    return {
      parts: verdict.parts.map(({ name, status, text }) => ({ name, status, text })),
      told: sentences(verdict, new Words(table, lang)),
      label: label && { status: label.status, text: label.text },
      documents: (journey?.documents ?? []).map((document) => documentWords(document, journey.names)),
      recall: { answer: standing.answer ?? "unknown", text: standing.words(journey?.names ?? new Map())[1] },
      exitCode: verdict.exitCode,
      code: verdict.failure?.code ?? null,
      accepted: acceptedBy(verdict),
    };
  } catch (error) {
    return error instanceof TraceabilityError ? { refused: error.message } : { failed: String(error) };
  }
}

/** Answer the page of a worker: steps on the way, then the report. */
export function serve(worker) {
  worker.onmessage = async ({ data }) => {
    worker.postMessage({ report: await report(data, (step) => worker.postMessage({ step })) });
  };
}

/** The same from a worker that runs this very program; null if there can be none. */
export function reportFrom(address, asked, progress) {
  return new Promise((resolve) => {
    let worker;
    const end = (found) => {
      worker?.terminate();
      resolve(found);
    };
    try {
      worker = new Worker(address);
    } catch {
      end(null);
      return;
    }
    worker.onerror = () => end(null);
    worker.onmessage = ({ data }) => (data.step ? progress(data.step) : end(data.report));
    worker.postMessage(asked);
  });
}
