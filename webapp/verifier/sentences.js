// What a verdict comes to for people, in the page's language: the page has the texts, this fills them in.

import { parseCheckpoint, parseNote } from "./ledger/note.js";
import * as media from "./media.js";
import { Answer } from "./supply/recall.js";
import { Status } from "./verification/answers.js";
import { FreshnessCode } from "./verification/freshness.js";
import { LabelCode } from "./verification/label.js";
import { shown } from "./verification/quorum.js";

const MINUTES = {
  hour: "2-digit", minute: "2-digit", hour12: false, year: "numeric", month: "short", day: "numeric",
};
const VALUE = /%\((\w+)\)[sd]/g;

/** The texts of one page: `table` as `dataset` has it, `lang` its language; times as `site.js` shows them. */
export class Words {
  #minutes;

  constructor(table, lang) {
    this.#minutes = new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, MINUTES);
    Object.assign(this, { table, tongue: lang.slice(0, 2) });
    Object.freeze(this);
  }

  showTime(ms) {
    return this.#minutes.format(ms);
  }

  /** Whether the page has texts for answers at all; else they are told as the command line does. */
  get any() {
    return this.table.records !== undefined;
  }

  tell(name, values = {}) {
    return this.table[name].replace(VALUE, (_, key) => String(values[key]));
  }

  name(names, otherwise) {
    return names?.get(this.tongue) ?? names?.get("en") ?? otherwise;
  }

  list(names) {
    return [...names].join(this.tongue === "zh" ? "、" : ", ");
  }
}

/** The sentences of the answers, by name, `label` and `recall` too; empty where the page has no texts for them. */
export function sentences(verdict, words) {
  if (!words.any) return new Map();
  const told = new Map([["not proven", [words.tell("notproven")]]]);
  if (verdict.label !== null) told.set("label", label(verdict.label, words));
  if (verdict.journey === null) {
    for (const { name, status } of verdict.parts) {
      if (status === Status.UNKNOWN) told.set(name, [words.tell("unanswered")]);
    }
    return told.set("recall", [words.tell("unchecked")]);
  }
  const { journey } = verdict, time = words.showTime(journey.asOfMs);
  const isPinned = verdict.signed !== null;
  if (isPinned) {
    told.set("signed", signed(journey, words));
    told.set("complete", [complete(verdict, words, time)]);
    told.set("fresh", [fresh(verdict.freshness, words, time)]);
  }
  if (verdict.times !== null) told.set("times", times(verdict.times, words));
  told.set("documents", journey.documents.map((document) => named(document, journey, words)));
  told.set("unchanged", [words.tell("records", { n: journey.records.length })]);
  return told.set("recall", recall(verdict, words, time));
}

/** The sentence that a verdict comes to; of a lot that is held or recalled nobody shall read that all is well. */
export function lastSentence(answer, exitCode, words) {
  return words.tell(`${exitCode !== 1 && isAlarm(answer) ? answer : "exit"}${exitCode}`);
}

/** Whether an answer about recalls means that the lot must not be eaten now. */
export function isAlarm(answer) {
  return answer === Answer.HELD || answer === Answer.RECALLED;
}

function signed(journey, words) {
  const custody = new Map([...journey.happenings, ...journey.documents].map(({ party, custody: by }) => [party, by]));
  const name = (party) => words.name(journey.names.get(party), party);
  const said = [...custody].map(([party, by]) => words.tell(by === "node" ? "bynode" : "byself", { party: name(party) }));
  const frames = journey.records.filter(({ mediaType }) => mediaType === media.FRAME);
  const n = new Set(frames.map(({ stream, seq }) => `${stream} ${seq}`)).size;
  const d = new Set(journey.stays.flatMap(({ curves }) => curves.map(({ device }) => device))).size;
  if (journey.makers.length > 1) said.unshift(words.tell("rivals", { names: words.list(journey.makers.map(name)) }));
  if (journey.happenings.some(({ suspected }) => suspected)) said.push(words.tell("suspected"));
  const doubted = journey.records.filter(({ suspected }) => suspected).map(({ stream, seq }) => `${stream} ${seq}`);
  if (doubted.length) said.push(words.tell("doubted", { n: new Set(doubted).size }));
  return [...said, words.tell("frames", { n, d })];
}

/** A document in one sentence; its name stands for itself, whichever way its letters run. */
function named({ notice, party, recordedMs, suspected }, journey, words) {
  const name = notice.name === null ? words.tell("unnamed") : `\u2068${notice.name}\u2069`;
  const by = words.name(journey.names.get(party), party), time = words.showTime(recordedMs);
  const said = words.tell("document", { name, party: by, time, hash: notice.sha256 });
  return suspected ? `${said} ${words.tell("suspected")}` : said;
}

/** Between which times the sensors' messages were signed. */
function times({ frames, bracketed, unknown, disagreeing, afterMs, beforeMs, widestMs }, words) {
  const before = words.showTime(beforeMs), after = words.showTime(afterMs);
  const values = { n: frames, k: bracketed, after, before, span: span(widestMs, words) };
  const said = [words.tell(!bracketed ? "timesbefore" : bracketed === frames ? "timeseach" : "timessome", values)];
  if (unknown) said.push(words.tell("timesunproven", { n: unknown }));
  if (disagreeing) said.push(words.tell("timesdisagree", { n: disagreeing }));
  return [...said, words.tell("timesclock")];
}

/** A length of time in its two largest units from minutes on; what is begun counts as whole. */
function span(ms, words) {
  const m = Math.ceil(ms / 60_000), h = Math.floor(m / 60);
  if (m < 60) return words.tell("minutes", { m });
  return m < 48 * 60 ? words.tell("hours", { h, m: m % 60 }) : words.tell("days", { d: Math.floor(h / 24), h: h % 24 });
}

function complete({ parts, journey, freshness, signed: text }, words, time) {
  const isWhole = parts.find(({ name }) => name === "complete").status === Status.HOLDS;
  const log = parseCheckpoint(parseNote(text).text).origin;
  if (!isWhole) return words.tell("withheld", { time });
  const names = (freshness?.complete ?? []).map(shown);
  return words.tell(names.length ? "witnessed" : "log", { names: words.list(names), log, n: journey.size, time });
}

function fresh(freshness, words, time) {
  if (freshness === null) return words.tell("clock", { time });
  if (freshness.asOfS === null) return words.tell("missing", { names: words.list(freshness.missing.map(shown)) });
  const values = { names: words.list(freshness.witnesses.map(shown)), time: words.showTime(freshness.asOfS * 1000) };
  return words.tell(freshness.code === FreshnessCode.FRESH ? "seen" : "stale", values);
}

function label({ code, typed, count }, words) {
  if (code === LabelCode.SAME) return [words.tell("labelsame", { n: typed.count })];
  if (code === LabelCode.OTHER) return [words.tell("labelother"), words.tell("labelkeep")];
  if (code === LabelCode.NOT_REACHED) {
    return [words.tell("labelshort", { n: typed.count, m: count }), words.tell("labelkeep")];
  }
  return [words.tell("unanswered")];
}

function recall({ standing, journey }, words, time) {
  if (standing.answer === null) return [words.tell("unchecked")];
  const said = standing.recalls.map(([{ hazard }, event]) => {
    const by = words.name(journey.names.get(event.party), event.party);
    return `${by}: ${words.tongue === "zh" ? hazard.zh : hazard.en}`;
  });
  said.push(words.tell("asof", { time }));
  return standing.madeOfOthers && !isAlarm(standing.answer) ? [...said, words.tell("alone")] : said;
}
