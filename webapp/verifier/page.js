// The page that checks: reads a bundle and a policy, asks the verifier, and fills in its answers.
// What it says for people stands in the page, in the page's language; nothing here knows one.

import { TraceabilityError, check } from "./verify.js";

const MAX_BYTES = 64 * 1024 * 1024;
const form = document.getElementById("check");
const said = document.getElementById("said");
const bar = document.getElementById("progress");
const answers = document.getElementById("answers");

form.hidden = false;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void run();
});

async function run() {
  const button = form.querySelector("button");
  answers.hidden = true;
  button.disabled = true;
  say(form.dataset.working);
  try {
    await ask();
  } catch (error) {
    const known = error instanceof TraceabilityError;
    say(known ? form.dataset.refused : form.dataset.failed, known ? error.message : String(error));
  }
  bar.hidden = true;
  button.disabled = false;
}

async function ask() {
  const bundle = await read("bundle"), policy = await read("policy");
  if (bundle === null) {
    say(form.dataset.missing);
    return;
  }
  const code = form.elements.code.value.trim() || null;
  show(await check(bundle, policy, { nowMs: Date.now(), code, progress }));
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
  bar.hidden = false;
  bar.max = of;
  bar.value = done;
  return new Promise((resolve) => setTimeout(resolve));
}

function show(verdict) {
  for (const { name, status, text } of verdict.parts) fill(name, status, text);
  const { standing, journey, label } = verdict;
  if (label) fill("label", label.status, label.text);
  rowOf("label").hidden = !label;
  fill("recall", standing.answer ?? "unknown", standing.words(journey?.names ?? new Map())[1]);
  answers.hidden = false;
  say(form.dataset[`exit${verdict.exitCode}`], verdict.failure?.code);
  said.dataset.exitCode = String(verdict.exitCode);
}

function rowOf(name) {
  return [...answers.children].find((child) => child.dataset.part === name);
}

function fill(name, status, text) {
  const row = rowOf(name);
  const word = row.querySelector(".status");
  row.querySelector("dd").textContent = text;
  if (!word) return;
  word.className = `status ${status}`;
  word.textContent = answers.dataset[status] ?? status;
}

function say(text, detail = "") {
  delete said.dataset.exitCode;
  said.textContent = detail ? `${text} (${detail})` : text;
}
