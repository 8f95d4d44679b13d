// A temperature chart that can be zoomed, in the place of the drawing; of a shorter time come finer numbers.

import { colourOf, draw, QUIET, sizeOf, valuesOf } from "./plot.js";
import { fetched, onKeys, take } from "./page.js";
import { degrees, moment, offsetMs } from "./ticks.js";

const STEP = 2, LEAST_MS = 10 * 60_000, SETTLED_MS = 200;
const kept = new Map(); // What somebody was looking at, by the address of the numbers.
const charts = new WeakMap(); // By their figures.

export async function mountTemperature(figure) {
  const address = figure.dataset.numbers;
  const state = kept.get(address) ?? { left: new Set(), window: null, numbers: null };
  const known = state.numbers !== null;
  state.numbers ??= await fetched(address);
  state.tongue = document.documentElement.lang;
  if (state.numbers === null || !figure.isConnected) return {};
  kept.set(address, state);
  charts.set(figure, new Chart(figure, address, state));
  if (known) charts.get(figure).refine();
  return { end: () => charts.get(figure).end(), renew: () => charts.get(figure).refine() };
}

class Chart {
  constructor(figure, address, state) {
    Object.assign(this, { figure, address, state, over: new AbortController() });
    this.room = figure.querySelector(".curves");
    this.told = figure.querySelector(".readout");
    this.list = figure.querySelector(".drawn");
    const { signal } = this.over;
    const does = {
      in: () => this.zoom(1 / STEP), out: () => this.zoom(STEP), whole: () => this.whole(),
      left: () => this.move(-0.5), right: () => this.move(0.5),
    };
    take(figure, does, signal);
    this.asked = this.holds();
    this.plot = draw(this.room, state, {
      whole: () => this.whole(), zoomed: () => this.zoomed(), pointed: () => this.point(),
    });
    this.listLines();
    onKeys(this.room, {
      "+": does.in, "=": does.in, "-": does.out, "0": does.whole,
      ArrowLeft: () => this.go(-1), ArrowRight: () => this.go(1),
      Home: () => this.goTo(this.bounds()[0]), End: () => this.goTo(this.bounds()[1]),
    }, signal);
    this.show(...(state.window ?? this.bounds()));
    this.tell(this.plot.data[0].at(-1));
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(this.room);
    const redraw = () => this.plot.redraw(true, true);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw, { signal });
  }

  end() {
    clearTimeout(this.waiting);
    this.over.abort();
    this.resized.disconnect();
    this.plot.destroy();
    this.list.replaceChildren();
  }

  // Of the whole journey, in the time of the place.
  bounds() {
    const shift = offsetMs(this.state.numbers.offset);
    return this.state.numbers.whole_ms.map((at) => at + shift);
  }

  seen() {
    return [this.plot.scales.x.min, this.plot.scales.x.max];
  }

  show(from, to) {
    const [first, last] = this.bounds(), length = Math.min(Math.max(to - from, LEAST_MS), last - first);
    const min = Math.min(Math.max(from, first), last - length);
    this.plot.setScale("x", { min, max: min + length });
  }

  whole() {
    this.show(...this.bounds());
  }

  // The time under the cursor stays where it is, if it is seen at all.
  zoom(factor) {
    const [from, to] = this.seen(), at = this.at >= from && this.at <= to ? this.at : (from + to) / 2;
    this.show(at - (at - from) * factor, at + (to - at) * factor);
  }

  move(share) {
    const [from, to] = this.seen(), by = (to - from) * share;
    this.show(from + by, to + by);
  }

  zoomed() {
    const window = this.seen().map(Math.round), [from, to] = window, [first, last] = this.bounds();
    this.state.window = from > first || to < last ? window : null;
    this.room.dataset.window = window.join(" ");
    const [begin, end] = this.holds(), finest = !this.state.numbers.column_ms && begin <= from && end >= to;
    if (finest || String(window) === String(this.asked)) return;
    this.asked = window;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.refine(), SETTLED_MS);
  }

  // The time that the numbers are about.
  holds() {
    const shift = offsetMs(this.state.numbers.offset);
    return this.state.numbers.window_ms.map((at) => at + shift);
  }

  // Numbers of the time that is seen, which may also be newer ones.
  async refine() {
    const shift = offsetMs(this.state.numbers.offset), { window } = this.state;
    const asked = new URL(this.address, location.href);
    window?.forEach((at, i) => asked.searchParams.set(i ? "to" : "from", at - shift));
    const numbers = await fetched(asked).catch(() => null);
    if (!numbers || !this.figure.isConnected || this.over.signal.aborted) return;
    const same = String(numbers.lines.map(named)) === String(this.state.numbers.lines.map(named));
    this.state.numbers = numbers;
    if (!same) return this.again();
    this.plot.setData(valuesOf(numbers), false);
    this.plot.redraw();
    if (!this.state.window) this.whole();
  }

  // A channel more, or one less: the chart is made anew.
  again() {
    this.end();
    this.state.left.clear();
    charts.set(this.figure, new Chart(this.figure, this.address, this.state));
  }

  // From reading to reading; what lies beside the window comes into it.
  go(step) {
    const times = this.plot.data[0], last = times.length - 1;
    let i = times.findIndex((time) => time >= this.at);
    if (i < 0) i = last;
    do i += step; while (i > 0 && i < last && this.plot.data.slice(1).every((values) => values[i] == null));
    if (times[i] !== undefined) this.goTo(times[i]);
  }

  goTo(at) {
    const [from, to] = this.seen();
    if (at < from || at > to) this.show(at - (to - from) / 2, at + (to - from) / 2);
    this.tell(at);
    this.plot.setCursor({ left: this.plot.valToPos(at, "x"), top: 1 }, false);
  }

  point() {
    const { left } = this.plot.cursor;
    if (left >= 0) this.tell(this.plot.posToVal(left, "x"));
  }

  tell(at) {
    this.at = at;
    const { lines } = this.state.numbers;
    const values = lines.flatMap((line, i) => {
      const value = this.state.left.has(i) ? null : near(this.plot.data, i + 1, at);
      return value === null ? [] : [`${named(line)} ${degrees(value, 1)}C`];
    });
    if (!values.length) values.push(this.room.dataset.nothing);
    const [from, to] = this.bounds();
    Object.assign(this.room, { ariaValueMin: String(from), ariaValueMax: String(to) });
    const text = [moment(at, this.state.tongue), this.place(at), ...values].join(" · ");
    this.told.textContent = text;
    this.room.ariaValueNow = String(Math.round(at));
    this.room.ariaValueText = text;
  }

  place(at) {
    const shift = offsetMs(this.state.numbers.offset), { stays } = this.state.numbers;
    const i = stays.findIndex(({ ms: [from, to] }) => from + shift <= at && at <= to + shift);
    return i < 0 ? this.room.dataset.between : `${i + 1}. ${stays[i].name}`;
  }

  listLines() {
    let quiet = 0;
    this.state.numbers.lines.forEach((line, i) => {
      const label = document.createElement("label"), box = document.createElement("input");
      const key = document.createElement("i"), name = document.createElement("bdi");
      Object.assign(box, { type: "checkbox", checked: !this.state.left.has(i) });
      key.className = line.judged ? "key line" : "key beside";
      if (line.judged) key.style.borderColor = `var(${colourOf(i)})`;
      else key.style.borderTopStyle = QUIET[quiet++ % QUIET.length];
      name.textContent = named(line);
      label.append(box, key, name);
      this.list.append(label);
      box.addEventListener("change", () => {
        this.state.left[box.checked ? "delete" : "add"](i);
        this.plot.setSeries(i + 1, { show: box.checked });
        this.tell(this.at);
      });
    });
  }

  fit() {
    const size = sizeOf(this.room);
    if (size.width && (size.width !== this.plot.width || size.height !== this.plot.height)) this.plot.setSize(size);
  }
}

const named = ({ name, number }) => (number > 1 ? `${name} ${number}` : name);

// What a line says of a time: the nearer of the readings on either side, unless a gap lies between them.
function near(data, i, at) {
  const times = data[0], values = data[i];
  let after = times.findIndex((time) => time >= at);
  if (after < 0) after = times.length;
  let before = after - 1;
  while (after < times.length && values[after] === undefined) after++;
  while (before >= 0 && values[before] === undefined) before--;
  const one = values[before] ?? null, other = values[after] ?? null;
  if (times[after] === at) return other;
  if (one === null || other === null) return null;
  return at - times[before] < times[after] - at ? one : other;
}
