// Where an axis has its marks, and what stands at them. Times are milliseconds in the time of the place.

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const STEPS = [
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 5 * DAY, 10 * DAY, 20 * DAY, 50 * DAY, 100 * DAY,
];

export function timeStep(from, to, most) {
  return STEPS.find((step) => (to - from) / step <= most) ?? STEPS.at(-1);
}

export function multiples(from, to, step) {
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at);
  return found;
}

// Midnights are days, all else is a time of day; the first mark of a window says the day as well.
export function timeLabels(marks, step, tongue) {
  const form = (options) => new Intl.DateTimeFormat(tongue, { timeZone: "UTC", ...options });
  const day = form({ day: "numeric", month: "short" });
  const clock = form({ hour: "2-digit", minute: "2-digit", hour12: false });
  return marks.map((at, i) => {
    if (at % DAY === 0 || step >= DAY) return day.format(at);
    return i ? clock.format(at) : `${clock.format(at)}\n${day.format(at)}`;
  });
}

export function moment(at, tongue) {
  const options = { timeZone: "UTC", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false };
  return new Intl.DateTimeFormat(tongue, options).format(at);
}

export const degrees = (celsius, decimals = 0) => `${celsius.toFixed(decimals).replace("-", "−")}°`;

// "+08:00" in milliseconds.
export function offsetMs(text) {
  const [hours, minutes] = text.slice(1).split(":").map(Number);
  return (text[0] === "-" ? -1 : 1) * (hours * HOUR + minutes * MINUTE);
}
