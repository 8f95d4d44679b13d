// What a check comes to, as plain data: made in a worker, so that the page stays alive, or in the page itself.

import { TraceabilityError } from "./errors.js";
import { Helper, startHelpers } from "./helpers.js";
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
 *     documents (texts, a line each), times (a text, or null), recall {answer, text}, exitCode, code (of the failure, or null), accepted (null if there is nothing to remember)
 */
export async function report({ bundle, policy, nowMs, code, table, lang }, progress, helpers = []) {
  try {
    const verdict = await check(bundle, policy, { nowMs, code, progress, helpers }), { standing, journey, label } = verdict;
    return {
      parts: verdict.parts.map(({ name, status, text }) => ({ name, status, text })),
      told: sentences(verdict, new Words(table, lang)),
      label: label && { status: label.status, text: label.text },
      documents: (journey?.documents ?? []).map((document) => documentWords(document, journey.names)),
      times: verdict.times?.text ?? null,
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
  let helpers = [];
  worker.onmessage = async ({ data: { ports, lost, asked } }) => {
    if (ports !== undefined) helpers = ports.map((port) => new Helper(port));
    if (lost !== undefined) helpers[lost].lose();
    if (asked === undefined) return;
    const progress = (step) => worker.postMessage({ step });
    worker.postMessage({ report: await report(asked, progress, helpers) });
  };
}

/** A worker that runs this very program, started with its helpers before there is anything to check. */
export class Checker {
  #worker = null;
  #dead;

  constructor(address) {
    this.#dead = new Promise((resolve) => {
      try {
        this.#worker = new Worker(address);
        this.#worker.onerror = () => resolve(null);
        startHelpers(this.#worker, address);
      } catch {
        this.#worker = null;
        resolve(null);
      }
    });
  }

  /** As `report`; null if there is no worker, or it died. */
  report(asked, progress) {
    const answer = new Promise((resolve) => {
      if (this.#worker === null) return;
      this.#worker.onmessage = ({ data }) => (data.step ? progress(data.step) : resolve(data.report));
      this.#worker.postMessage({ asked });
    });
    return Promise.race([this.#dead, answer]);
  }
}
