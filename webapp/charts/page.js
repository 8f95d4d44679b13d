// What charts and maps take from the page that they are in: its colours, its type, its buttons, its files.

export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function typeface(share) {
  const root = getComputedStyle(document.documentElement);
  return { px: Math.round(parseFloat(root.fontSize) * share), family: root.fontFamily };
}

export async function fetched(address) {
  const answer = await fetch(address, { headers: { "X-Live": "1" }, redirect: "error" });
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.json();
}

// Shows what stands in the place of the drawing from now on, and lets its buttons do something. It is marked as
// the script's own, so that live.js lets it be when it brings the drawing up to date.
export function take(figure, does, signal) {
  for (const part of figure.querySelectorAll(":scope > :is(.tools, .curves, .readout, .drawn, .places-map)")) {
    part.hidden = false;
    part.dataset.own = "";
  }
  figure.querySelector(".tools").addEventListener("click", ({ target }) => {
    does[target.closest("button")?.dataset.do]?.();
  }, { signal });
}

export function onKeys(element, does, signal) {
  element.addEventListener("keydown", (event) => {
    const act = does[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  }, { signal });
}
