// Parts of a page that change while somebody looks at it. The server tells a mark; when it is not the one that
// is shown, this page is fetched again and its parts become what they are there. Without event streams, or when
// the server has no room for one, the mark is asked for every few seconds.
//
//   data-live, data-mark   what to listen to, and the mark of what is shown
//   data-page              the page to fetch, where its address is not this one's
//   data-kept              what forms on the page rest on: they stay, and a note says if it is another by now
//   data-part              what is brought up to date; data-says is told when it is another
const root = document.querySelector("[data-live]");
const ASK_AGAIN_MS = 5000, REST_MS = 1000;
const RESTS = 4; // for so many times as long as it took to bring what is new, nothing more is brought
let shown = root?.dataset.mark ?? "", wanted = shown, busy = false, source = null, ended = false;

const get = (address) => fetch(address, { headers: { "X-Live": "1" }, redirect: "manual" });
const isOver = (answer) => answer.type === "opaqueredirect" || answer.status === 404 || answer.status === 403;

function hear(mark) {
  wanted = mark;
  if (!busy && !ended && wanted !== shown) bring();
}

async function bring() {
  const mark = wanted, began = performance.now();
  let rest = ASK_AGAIN_MS;
  busy = true;
  try {
    const answer = await get(root.dataset.page ?? location.href);
    if (isOver(answer)) return end();
    if (answer.ok) {
      show(new DOMParser().parseFromString(await answer.text(), "text/html"));
      shown = mark;
      rest = Math.max(REST_MS, RESTS * (performance.now() - began));
    }
  } catch {
    // The site is away: it is asked again.
  } finally {
    setTimeout(() => { busy = false; hear(wanted); }, rest);
  }
}

function show(fresh) {
  const focused = document.activeElement, news = [], fixed = holdStill();
  for (const part of document.querySelectorAll("[data-part]")) {
    const next = fresh.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (!next) continue;
    if (next.dataset.says && next.dataset.says !== part.dataset.says) news.push(next.dataset.says);
    become(part, next);
  }
  if (root.dataset.kept !== fresh.querySelector("[data-live]")?.dataset.kept) {
    for (const note of document.querySelectorAll("[data-stale]")) {
      if (note.hidden) news.push(note.textContent.trim());
      note.hidden = false;
    }
  }
  // What moved within a list lost the focus by that.
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
  document.dispatchEvent(new Event("parts"));
  fixed();
  if (news.length) say(news.join(" "));
}

// Browsers that anchor what is read do so by themselves; in the others the page is moved back.
function holdStill() {
  const read = document.elementFromPoint(innerWidth / 2, innerHeight / 2);
  const top = read?.getBoundingClientRect().top;
  return () => {
    if (read?.isConnected && !CSS.supports("overflow-anchor", "auto")) scrollBy(0, read.getBoundingClientRect().top - top);
  };
}

// An element becomes like another one, and changes nothing that is the same: so focus, selection, what is
// unfolded and how far something is scrolled stay. Forms stand in no part: what is typed is never touched.
function become(now, next) {
  // What another script filled is left to it: it hears of the event "parts".
  if (now.isEqualNode(next) || now.dataset?.own !== undefined) return;
  if (now.nodeType !== Node.ELEMENT_NODE) {
    now.nodeValue = next.nodeValue;
    return;
  }
  const folds = (attribute) => attribute.name === "open" && now.localName === "details";
  for (const attribute of [...now.attributes]) {
    if (!next.hasAttribute(attribute.name) && !folds(attribute)) now.removeAttribute(attribute.name);
  }
  for (const attribute of next.attributes) {
    if (now.getAttribute(attribute.name) !== attribute.value && !folds(attribute)) {
      now.setAttribute(attribute.name, attribute.value);
    }
  }
  becomeWithin(now, next);
}

// Children by their names, where they have one (data-key, id), else by their order.
function becomeWithin(now, next) {
  const kept = new Map(named(now)), there = new Map(named(next));
  for (const [name, child] of kept) if (!there.has(name)) child.remove();
  let at = now.firstChild;
  for (const child of [...next.childNodes]) {
    const found = kept.get(nameOf(child)) ?? (isLike(at, child) ? at : null);
    if (found === null) {
      now.insertBefore(document.adoptNode(child), at);
      continue;
    }
    if (found === at) at = at.nextSibling;
    else now.insertBefore(found, at);
    become(found, child);
  }
  while (at !== null) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

const nameOf = (node) => node.dataset?.key ?? (node.id || undefined);
const named = (parent) => [...parent.children].map((child) => [nameOf(child), child]).filter(([name]) => name);
const isLike = (one, other) =>
  one !== null && one.nodeType === other.nodeType && one.nodeName === other.nodeName && !nameOf(one) && !nameOf(other);

function say(text) {
  const told = root.querySelector("[role=status]");
  if (told) told.textContent = text;
}

function end() {
  ended = true;
  source?.close();
  root.replaceChildren(...root.querySelectorAll("[role=status]"));
  say(root.dataset.ended);
}

async function ask() {
  if (ended) return;
  try {
    const answer = document.hidden ? null : await get(root.dataset.live);
    if (answer && isOver(answer)) return end();
    if (answer?.ok) hear((await answer.json()).mark);
  } catch {
    // The site is away: it is asked again.
  }
  setTimeout(ask, ASK_AGAIN_MS);
}

function listen() {
  source = new EventSource(`${root.dataset.live}?mark=${encodeURIComponent(shown)}`);
  source.onmessage = (event) => hear(event.data);
  source.addEventListener("ended", end);
  source.onerror = () => {
    if (source?.readyState !== EventSource.CLOSED || ended) return;
    source = null;
    setTimeout(ask, ASK_AGAIN_MS);
  };
}

// A page that nobody sees holds no place of the server.
document.addEventListener("visibilitychange", () => {
  if (ended || source === null) return;
  source.close();
  if (!document.hidden) listen();
});

if (root) {
  root.hidden = false;
  if ("EventSource" in window) listen();
  else ask();
}
