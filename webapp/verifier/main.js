// One program in two places: in a page it is the page's script, in a worker it checks for that page.

import { serve } from "./report.js";

const script = globalThis.document?.currentScript ?? null;

if (script === null) {
  serve(globalThis);
} else {
  const address = script.src || URL.createObjectURL(new Blob([script.textContent], { type: "text/javascript" }));
  void import("./page.js").then(({ start }) => start(address));
}
