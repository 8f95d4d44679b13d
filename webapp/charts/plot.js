// The drawing of a temperature chart by uPlot: lines over limits, what was outside, and where nothing is known.

import uPlot from "uplot";
import { token, typeface } from "./page.js";
import { degrees, multiples, offsetMs, timeLabels, timeStep } from "./ticks.js";

const COLOURS = 4, DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
export const QUIET = ["dashed", "dotted"];
const ROOM_C = 1, TALL = 320, SHORT = 260, NARROW = 480;

export const colourOf = (number) => `--line-${(number % COLOURS) + 1}`;

// Times in milliseconds at the place's own offset; each line on the times of all, undefined where it has none.
export function valuesOf(numbers) {
  const shift = offsetMs(numbers.offset);
  const tables = numbers.lines.map(({ points }) => [
    points.map(([at]) => at + shift),
    points.map(([, milli]) => (milli === null ? null : milli / 1000)),
  ]);
  return uPlot.join(tables, tables.map(() => [0, 2]));
}

export function shifted(numbers, name) {
  const shift = offsetMs(numbers.offset);
  return numbers[name].map((stretch) => stretch.map((at) => at + shift));
}

export function draw(room, state, hooks) {
  const { px, family } = typeface(0.78);
  const axis = {
    font: `${px}px ${family}`,
    stroke: () => token("--quiet"),
    grid: { stroke: () => token("--rule"), width: 1 },
    ticks: { stroke: () => token("--rule"), width: 1 },
  };
  const steps = (plot, from, to) => timeStep(from, to, Math.max(2, plot.width / (px * 7)));
  const times = {
    ...axis,
    size: px * 4.2,
    splits: (plot, _, from, to) => multiples(from, to, steps(plot, from, to)),
    values: (plot, marks) => timeLabels(marks, steps(plot, plot.scales.x.min, plot.scales.x.max), state.tongue),
  };
  return new uPlot({
    ...sizeOf(room),
    ms: 1,
    padding: [px * 1.9, px * 1.7, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { size: 9, fill: (plot, i) => plot.series[i].stroke(plot, i) },
      drag: { x: true, y: false, dist: 6 },
      bind: { dblclick: () => hooks.whole },
    },
    scales: { x: { time: false }, y: { range: (_, low, high) => rangeOf(state.numbers, low, high) } },
    axes: [times, { ...axis, size: px * 4, values: (_, marks) => marks.map((mark) => degreesAt(mark, marks)) }],
    series: [{}, ...state.numbers.lines.map((line, i) => seriesOf(line, i, state))],
    hooks: {
      drawClear: [(plot) => shade(plot, state.numbers)],
      draw: [(plot) => nameStays(plot, state.numbers, axis.font, px)],
      setScale: [(plot, key) => key === "x" && hooks.zoomed(plot)],
      setCursor: [hooks.pointed],
    },
  }, valuesOf(state.numbers), room);
}

export function sizeOf(room) {
  const width = room.clientWidth;
  return { width, height: width < NARROW ? SHORT : TALL };
}

const degreesAt = (mark, marks) => degrees(mark, marks.length > 1 && marks[1] - marks[0] < 1 ? 1 : 0);

function rangeOf(numbers, low, high) {
  const ends = numbers.ends_milli_c.map((milli) => milli / 1000);
  const limits = (numbers.limits_milli_c ?? []).map((milli) => milli / 1000);
  const seen = low === null ? ends : [low, high];
  return [Math.min(...seen, ...limits) - ROOM_C, Math.max(...seen, ...limits) + ROOM_C];
}

// Lines by which goods are judged have a colour each; the others are thin and broken.
function seriesOf(line, i, state) {
  const quiet = state.numbers.lines.slice(0, i).filter(({ judged }) => !judged).length % QUIET.length;
  return {
    label: line.name,
    show: !state.left.has(i),
    stroke: () => token(line.judged ? colourOf(i) : "--quiet"),
    width: line.judged ? 2 : 1.2,
    dash: DASHES[line.judged ? Math.floor(i / COLOURS) % DASHES.length : 1 + quiet],
    points: { show: false, filter: alone, size: 6 },
  };
}

// A reading between two gaps has no line: it is a dot.
function alone(plot, i) {
  const values = plot.data[i], found = [];
  const next = (at, step) => {
    for (at += step; at >= 0 && at < values.length; at += step) if (values[at] !== undefined) return values[at];
    return null;
  };
  values.forEach((value, at) => {
    if (value != null && next(at, -1) === null && next(at, 1) === null) found.push(at);
  });
  return found.length ? found : null;
}

function shade(plot, numbers) {
  const { ctx, bbox } = plot, { left, top, width, height } = bbox;
  const x = (at) => Math.min(Math.max(plot.valToPos(at, "x", true), left), left + width);
  const fill = (stretches, colour, alpha) => {
    ctx.globalAlpha = alpha;
    ctx.fillStyle = colour;
    for (const [from, to] of stretches) ctx.fillRect(x(from), top, Math.max(x(to) - x(from), 1), height);
  };
  ctx.save();
  if (numbers.limits_milli_c) limits(plot, numbers.limits_milli_c);
  fill(inside(plot, shifted(numbers, "unknown_ms")), hatch(ctx), 0.75);
  fill(inside(plot, shifted(numbers, "outside_ms")), token("--hot"), 0.35);
  ctx.restore();
}

const inside = ({ scales: { x } }, stretches) => stretches.filter(([from, to]) => to >= x.min && from <= x.max);

function limits(plot, ends) {
  const { ctx, bbox } = plot;
  const [low, high] = ends.map((milli) => plot.valToPos(milli / 1000, "y", true));
  ctx.fillStyle = token("--band");
  ctx.fillRect(bbox.left, high, bbox.width, low - high);
  ctx.strokeStyle = token("--good-rule");
  ctx.lineWidth = uPlot.pxRatio;
  ctx.setLineDash([]);
  ctx.beginPath();
  for (const y of [low, high]) {
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
  }
  ctx.stroke();
}

function hatch(ctx) {
  const tile = document.createElement("canvas"), size = Math.round(6 * uPlot.pxRatio);
  tile.width = tile.height = size;
  const lines = tile.getContext("2d");
  lines.strokeStyle = token("--hatch");
  lines.lineWidth = 1.5 * uPlot.pxRatio;
  lines.beginPath();
  for (const shift of [-size, 0, size]) {
    lines.moveTo(shift - 1, size + 1);
    lines.lineTo(shift + size + 1, -1);
  }
  lines.stroke();
  return ctx.createPattern(tile, "repeat");
}

// Over the chart a bar for each stay, with its number in the table below.
function nameStays(plot, numbers, font, px) {
  const { ctx, bbox } = plot, ratio = uPlot.pxRatio, shift = offsetMs(numbers.offset);
  ctx.save();
  ctx.font = font.replace(/^\d+/, px * ratio);
  ctx.textAlign = "center";
  numbers.stays.forEach(({ ms: [from, to] }, i) => {
    const [begin, end] = [from, to].map((at) => plot.valToPos(at + shift, "x", true));
    const left = Math.max(begin, bbox.left), right = Math.min(end, bbox.left + bbox.width);
    if (right < left) return;
    ctx.fillStyle = token("--accent");
    ctx.fillRect(left, bbox.top - 7 * ratio, Math.max(right - left, ratio), 4 * ratio);
    ctx.fillStyle = token("--quiet");
    if (right - left > px * ratio * 1.5) ctx.fillText(String(i + 1), (left + right) / 2, bbox.top - 11 * ratio);
  });
  ctx.restore();
}
