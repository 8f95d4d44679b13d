// The script of a page with a temperature chart or a map: puts what can be zoomed in the place of the drawing.
// Parts of a page are replaced while somebody looks (static/live.js): what is new then is mounted again.

import "./charts.css";
import { mountMap } from "./map.js";
import { mountTemperature } from "./temperature.js";

const MOUNTS = [["figure[data-numbers]", mountTemperature], ["figure[data-land]", mountMap]];
const mounted = new Map();

function mountAll() {
  for (const [figure, mount] of mounted) {
    if (!figure.isConnected) mounted.delete(figure);
    mount.then((made) => (figure.isConnected ? made?.renew?.() : made?.end?.()));
  }
  for (const [which, mount] of MOUNTS) {
    for (const figure of document.querySelectorAll(which)) {
      if (!mounted.has(figure)) mounted.set(figure, mount(figure).catch(leave));
    }
  }
}

// Without its numbers or its coasts a page stays as the server drew it.
const leave = (error) => void console.warn(String(error));

mountAll();
document.addEventListener("parts", mountAll);
