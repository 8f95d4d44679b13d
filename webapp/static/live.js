// Parts of a page that change while somebody looks at it. The server tells a mark; when it is not the one that
// is shown, this page is fetched again and its parts are put in the place of the old ones. Without event
// streams, or when the server has no room for one, the mark is asked for every few seconds.
const root = document.querySelector("[data-live]");
const ASK_AGAIN_MS = 5000;
let shown = root?.dataset.mark ?? "", busy = false;

async function refresh(mark) {
  if (mark === shown || busy) return;
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "error" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-part]")) {
      const next = fresh.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
      // What somebody is filling in, or stands on, is not taken away from under them.
      if (next && !part.contains(document.activeElement)) part.replaceWith(document.adoptNode(next));
    }
    shown = mark;
    document.dispatchEvent(new Event("parts"));
  } catch {
    // The next mark tries again.
  } finally {
    busy = false;
  }
}

async function ask() {
  try {
    const answer = await fetch(root.dataset.live, { headers: { "X-Live": "1" }, redirect: "error" });
    if (answer.status === 404) return;
    if (answer.ok) await refresh((await answer.json()).mark);
  } catch {
    // The site is away: it is asked again.
  }
  setTimeout(ask, ASK_AGAIN_MS);
}

function listen() {
  const source = new EventSource(`${root.dataset.live}?mark=${encodeURIComponent(shown)}`);
  source.onmessage = (event) => refresh(event.data);
  source.addEventListener("ended", () => source.close());
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(ask, ASK_AGAIN_MS);
  };
}

if (root) listen();
