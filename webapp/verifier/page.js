// The page that checks: reads a bundle and a policy, asks the verifier, and fills in its answers.
// What it says for people stands in the page, in the page's language; nothing here knows one.

import { ALARMS, Memory, exitAfter, forget, parseGrowth, statusAfter } from "./memory.js";
import { Checker, report } from "./report.js";
import { leaving } from "./signing/keys.js";
import { Words, isAlarm, lastSentence } from "./sentences.js";
import { TraceabilityError, parsePolicy } from "./verify.js";

const MAX_BYTES = 64 * 1024 * 1024;
const PROBE = "traceability probe";
const at = (id) => document.getElementById(id);
const [form, said, bar, counted, answers] = ["check", "said", "progress", "counted", "answers"].map(at);
const [memory, remembered, evidence] = ["memory", "remembered", "evidence"].map(at);
const { lang } = document.documentElement;
const [words, memories, outcomes] = [answers, memory, form].map(({ dataset }) => new Words({ ...dataset }, lang));

/** Open the page for use; `address` is where a worker finds this program. */
export function start(address) {
  const checker = new Checker(address);
  form.hidden = memory.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void run(checker);
  });
  at("forget").addEventListener("click", () => {
    const storage = kept();
    if (storage !== null) forget(storage);
    evidence.hidden = true;
    remembered.textContent = memories.tell("forgotten");
  });
}

async function run(checker) {
  const button = form.querySelector("button");
  answers.hidden = evidence.hidden = true;
  remembered.textContent = "";
  button.disabled = true;
  say(form.dataset.working);
  try {
    await ask(checker);
  } catch (error) {
    const known = error instanceof TraceabilityError;
    say(known ? form.dataset.refused : form.dataset.failed, known ? error.message : String(error));
  }
  bar.hidden = counted.parentElement.hidden = true;
  button.disabled = false;
}

async function ask(checker) {
  const [bundle, policy] = await Promise.all(["bundle", "policy"].map(read));
  if (bundle === null) {
    say(form.dataset.missing);
    return;
  }
  const code = form.elements.code.value.trim() || null;
  const asked = { bundle, policy, nowMs: Date.now(), code, table: words.table, lang };
  const found = (await checker.report(asked, progress)) ?? (await report(asked, progress));
  if (found.refused || found.failed) {
    say(found.refused ? form.dataset.refused : form.dataset.failed, found.refused ?? found.failed);
    return;
  }
  show(found, await compare(found.accepted, policy));
}

/** The bytes of a chosen file, else of what the page names; null where there is neither. */
async function read(name) {
  const [file] = form.elements[name].files, address = form.dataset[name];
  if (file) {
    if (file.size > MAX_BYTES) throw new TraceabilityError(`${file.name}: ${file.size} > ${MAX_BYTES}`);
    return new Uint8Array(await file.arrayBuffer());
  }
  if (!address) return null;
  const response = await fetch(address);
  if (!response.ok) throw new TraceabilityError(`${address}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

function progress({ done, of }) {
  bar.hidden = counted.parentElement.hidden = false;
  bar.max = of;
  bar.value = done;
  counted.textContent = `${done} / ${of}`;
  return new Promise((resolve) => setTimeout(resolve));
}

/** How the checkpoint that was accepted stands to what this browser remembers; null where none was. */
async function compare(now, policy) {
  if (now === null) return null;
  // Whoever accepted it has judged the keys of the policy.
  const { log } = leaving({ key() {} }, () => parsePolicy(policy));
  const memory = new Memory(kept(), log), sizes = memory.wanted(now);
  const isOurs = form.dataset.log === log.vkey();
  const growth = sizes === null ? null : await growthBetween(...sizes, isOurs);
  return { ...memory.compare(now, growth, isOurs), evidence: memory.evidence() };
}

/** The proof of growth: of a chosen file, else of the node, if this is the page of the log's node. */
async function growthBetween(first, second, isOurs) {
  const [file] = form.elements.growth?.files ?? [];
  if (file) return file.size > MAX_BYTES ? null : parseGrowth(new Uint8Array(await file.arrayBuffer()));
  if (!isOurs) return null;
  try {
    const response = await fetch(`${form.dataset.proof}?first=${first}&second=${second}`);
    return response.ok ? parseGrowth(new Uint8Array(await response.arrayBuffer())) : null;
  } catch {
    return null;
  }
}

function show({ parts, told, label, documents, times, recall, exitCode: found, code: failure }, seen) {
  const code = seen?.code ?? null;
  const alarm = ALARMS.has(code) ? tell(seen) : null;
  for (const { name, status, text } of parts) {
    const after = statusAfter(code, name, status);
    fill(name, after, after === status ? told.get(name) : [words.tell("doubted")], text);
  }
  if (label) fill("label", label.status, told.get("label"), label.text);
  rowOf("label").hidden = !label;
  const timed = statusAfter(code, "times", "holds");
  fill("times", timed, timed === "holds" ? told.get("times") : [words.tell("doubted")], times ?? "");
  rowOf("times").hidden = times === null;
  const named = statusAfter(code, "documents", "holds");
  fill("documents", named, named === "holds" ? told.get("documents") : [words.tell("doubted")], documents);
  rowOf("documents").hidden = !documents.length;
  const after = statusAfter(code, "recall", recall.answer);
  fill("recall", after, after === recall.answer ? told.get("recall") : [words.tell("doubted")], recall.text);
  if (seen !== null) remember(seen);
  answers.hidden = false;
  const exitCode = exitAfter(code, found);
  say(alarm ?? lastSentence(recall.answer, exitCode, outcomes), failure);
  said.dataset.exitCode = String(exitCode);
  said.classList.toggle("warn", exitCode === 1 || isAlarm(recall.answer));
}

function rowOf(name) {
  return [...answers.children].find((child) => child.dataset.part === name);
}

/** Fills in an answer: sentences in the page's language, or the verifier's own text or texts, in English. */
function fill(name, status, sentences, text) {
  const row = rowOf(name);
  const word = row.querySelector(".status"), place = row.querySelector("dd");
  place.lang = sentences ? lang : "en";
  place.replaceChildren(...(sentences ?? [text].flat()).flatMap((line, i) => (i ? [document.createElement("br"), line] : [line])));
  if (!word) return;
  word.className = `status ${status}`;
  word.textContent = answers.dataset[status] ?? status;
}

function tell({ code, before, now }) {
  const values = { size: now.size, before: before?.size, time: words.showTime((before ?? now).timeMs) };
  return memories.tell(code, values);
}

function remember(seen) {
  remembered.textContent = tell(seen);
  if (seen.evidence === null) return;
  URL.revokeObjectURL(evidence.href);
  evidence.href = URL.createObjectURL(new Blob([seen.evidence], { type: "application/json" }));
  evidence.hidden = false;
}

/** Where this browser keeps what it remembers; null where it keeps nothing. */
function kept() {
  try {
    localStorage.setItem(PROBE, "");
    localStorage.removeItem(PROBE);
    return localStorage;
  } catch {
    return null;
  }
}

function say(text, detail = "") {
  delete said.dataset.exitCode;
  said.classList.remove("warn");
  said.textContent = detail ? `${text} (${detail})` : text;
}
