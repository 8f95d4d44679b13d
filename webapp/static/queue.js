// Entries that were signed without a connection wait on this phone, and are sent when there is one.
// An entry is the form as it was filled in, its number included: sent twice, it is recorded once.
const queue = document.getElementById("queue");
const { person, csrf, here } = queue.dataset;
const entryForm = document.getElementById("entry");

const opened = new Promise((done, failed) => {
  const asked = indexedDB.open("console", 1);
  asked.onupgradeneeded = () => asked.result.createObjectStore("entries", { keyPath: "id" });
  asked.onsuccess = () => done(asked.result);
  asked.onerror = () => failed(asked.error);
});

async function entries(mode, act) {
  const store = (await opened).transaction("entries", mode).objectStore("entries");
  const asked = act(store);
  return new Promise((done, failed) => {
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });
}

// Somebody else who signs in on this phone neither sees nor sends them.
async function own() {
  const all = await entries("readonly", (store) => store.getAll());
  return all.filter((entry) => entry.person === person).sort((a, b) => a.kept - b.kept);
}

async function connected() {
  try {
    return (await fetch(here, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(5000) })).ok;
  } catch {
    return false;
  }
}

async function send() {
  for (const entry of await own()) {
    const body = new URLSearchParams(entry.body);
    body.set("csrf", csrf);
    let answer;
    try {
      answer = await fetch(entry.url, { method: "POST", body, redirect: "manual" });
    } catch {
      break;
    }
    if (answer.type === "opaqueredirect") await entries("readwrite", (store) => store.delete(entry.id));
    else if (answer.status === 400 || answer.status === 409) await entries("readwrite", (store) => store.put({ ...entry, refused: true }));
    else break;
  }
  await tell();
}

async function tell() {
  const waiting = await own();
  queue.hidden = !waiting.length;
  queue.replaceChildren();
  if (!waiting.length) return;
  const line = document.createElement("p");
  line.textContent = queue.dataset.waiting + waiting.length;
  queue.append(line);
  for (const entry of waiting.filter(({ refused }) => refused)) {
    const link = document.createElement("a");
    link.href = `${entry.url.split("?")[0]}?${entry.body}`;
    link.textContent = queue.dataset.look;
    queue.append(link);
  }
}

entryForm?.addEventListener("submit", async (event) => {
  if (event.submitter?.name !== "sign") return;
  event.preventDefault();
  const given = new URLSearchParams(new FormData(entryForm));
  given.delete("csrf");
  given.set("sign", "1");
  const id = given.get("event_id");
  if (await connected()) {
    await entries("readwrite", (store) => store.delete(id));
    const signed = document.createElement("input");
    Object.assign(signed, { type: "hidden", name: "sign", value: "1" });
    entryForm.append(signed);
    entryForm.submit();
    return;
  }
  await entries("readwrite", (store) => store.put({ id, person, url: entryForm.action, body: given.toString(), kept: Date.now() }));
  await tell();
  entryForm.hidden = true;
  queue.scrollIntoView();
  queue.focus();
});

// The phone's own time and zone stand in a new entry; what was typed or comes from elsewhere stays.
const time = entryForm?.elements.at;
if (time && entryForm.dataset.fresh === "yes") {
  const minutes = -new Date().getTimezoneOffset(), size = Math.abs(minutes);
  const two = (number) => String(Math.trunc(number)).padStart(2, "0");
  entryForm.elements.offset.value = `${minutes < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}`;
  const local = new Date(Date.now() + minutes * 60_000);
  time.value = local.toISOString().slice(0, 19);
}

window.addEventListener("online", send);
await send().catch(() => null);
queue.dataset.ready = "yes";
