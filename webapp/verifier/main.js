// One program in three places: in a page it is the page's script, in a worker it checks for that page, and in
// other workers it helps that one.

import { HELPER, help } from "./helpers.js";
import { serve } from "./report.js";

const script = globalThis.document?.currentScript ?? null;

if (script !== null) {
  const address = script.src || URL.createObjectURL(new Blob([script.textContent], { type: "text/javascript" }));
  void import("./page.js").then(({ start }) => start(address));
} else if (globalThis.name === HELPER) {
  help(globalThis);
} else {
  serve(globalThis);
}
