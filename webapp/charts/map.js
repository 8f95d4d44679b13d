// A map of the places that can be moved and zoomed, in the place of the drawing: the coasts that this site
// keeps, the way of the lot, and a marker for each place of the list under it. No other site is asked.

import * as L from "leaflet/dist/leaflet-src.esm.js";
import { fetched, take } from "./page.js";

const PER_DEGREE = 100, NEAR = 8, NEAREST = 12, FARTHEST = 2, TURN = 360;
let kept = null; // What somebody was looking at, while parts of the page are replaced.

// What the map shows of its page: once that is another, it is made anew.
const shownIn = (figure) => figure.parentElement.querySelector("#places").innerHTML + figure.dataset.way;

export async function mountMap(figure) {
  let map = await made(figure), was = shownIn(figure);
  const renew = async () => {
    if (shownIn(figure) === was) return;
    was = shownIn(figure);
    map?.end();
    map = await made(figure);
  };
  return { end: () => map?.end(), renew };
}

async function made(figure) {
  const over = new AbortController();
  const room = figure.querySelector(".places-map"), items = [...figure.parentElement.querySelectorAll("#places > li")];
  const land = await fetched(figure.dataset.land);
  if (!figure.isConnected) return undefined;
  const places = placesOf(items);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const map = L.map(room, {
    attributionControl: false, zoomControl: false, minZoom: FARTHEST, maxZoom: NEAREST,
    zoomAnimation: !still, fadeAnimation: !still, markerZoomAnimation: !still, inertia: !still,
  });
  const bounds = L.latLngBounds([...places.values()].map(({ at }) => at)).pad(0.15);
  const whole = () => map.fitBounds(bounds, { maxZoom: NEAR });
  take(figure, { in: () => map.zoomIn(), out: () => map.zoomOut(), whole }, over.signal);
  map.invalidateSize();
  if (kept) map.setView(kept.middle, kept.zoom);
  else whole();
  map.on("moveend", () => (kept = { middle: map.getCenter(), zoom: map.getZoom() }));
  const middle = bounds.getCenter().lng;
  map.setMaxBounds([[-89, middle - TURN / 2], [89, middle + TURN / 2]]);
  L.control.scale({ imperial: false }).addTo(map);
  L.polygon(ringsOf(land, middle), { className: "land", interactive: false, smoothFactor: 1.5 }).addTo(map);
  const way = figure.dataset.way.split(",").map(Number).filter((number) => places.has(number));
  L.polyline(way.map((number) => places.get(number).at), { className: "way own", interactive: false }).addTo(map);
  for (const [number, place] of places) mark(map, number, place, room.dataset.close, over.signal);
  return { end: () => (over.abort(), map.remove()) };
}

// By their numbers in the list, those whose position is told; less than half way round from the first.
function placesOf(items) {
  const found = new Map();
  items.forEach((item, i) => {
    if (!item.dataset.at) return;
    const [latitude, longitude] = item.dataset.at.split(",").map(Number);
    const first = found.size ? found.values().next().value.at[1] : longitude;
    const near = first + ((((longitude - first + TURN / 2) % TURN) + TURN) % TURN) - TURN / 2;
    found.set(i + 1, { at: [latitude, near], item });
  });
  return found;
}

// Rings are packed as differences in hundredths of a degree; each in the turns of the Earth that can be seen.
function ringsOf(land, middle) {
  const rings = land.map((numbers) => {
    const ring = [];
    for (let i = 0, x = 0, y = 0; i < numbers.length; i += 2) {
      x += numbers[i];
      y += numbers[i + 1];
      ring.push([y / PER_DEGREE, x / PER_DEGREE]);
    }
    return ring;
  });
  const turns = [-TURN, 0, TURN].filter((turn) => Math.abs(middle - turn) < TURN);
  return turns.flatMap((turn) => rings.map((ring) => [ring.map(([y, x]) => [y, x + turn])]));
}

function mark(map, number, { at, item }, close, signal) {
  const name = item.querySelector("strong").textContent;
  const icon = L.divIcon({ className: "spot", html: String(number), iconSize: [30, 30] });
  const marker = L.marker(at, { icon, keyboard: true, riseOnHover: true, title: name }).addTo(map);
  marker.getElement().setAttribute("aria-label", `${number}. ${name}`);
  const told = Object.assign(document.createElement("div"), { tabIndex: -1 });
  told.append(...[...item.childNodes].map((node) => node.cloneNode(true)));
  marker.bindPopup(told, { maxWidth: 260 });
  marker.on("popupopen", ({ popup }) => {
    popup.getElement().querySelector(".leaflet-popup-close-button")?.setAttribute("aria-label", close);
    told.focus({ preventScroll: true });
  });
  map.getContainer().addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !marker.isPopupOpen()) return;
    marker.closePopup();
    marker.getElement().focus({ preventScroll: true });
  }, { signal });
}
