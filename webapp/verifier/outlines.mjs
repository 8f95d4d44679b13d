// The coasts of the world for the map of a lot's page, from Natural Earth (public domain): rings of land,
// each as differences in hundredths of a degree, without what a drawing of a region would not show.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const PER_DEGREE = 100;
const TOLERANCE = 0.03 * PER_DEGREE;
const SMALLEST = 0.02 * PER_DEGREE ** 2;

// TopoJSON: arcs are differences on a grid, a ring is a list of arcs, ~n one that is walked backwards.
const decode = (arcs, { scale, translate }) =>
  arcs.map((arc) => {
    let x = 0, y = 0;
    return arc.map(([dx, dy]) => [(x += dx) * scale[0] + translate[0], (y += dy) * scale[1] + translate[1]]);
  });

const ringOf = (numbers, arcs) =>
  numbers.flatMap((n, i) => (n < 0 ? [...arcs[~n]].reverse() : arcs[n]).slice(i ? 1 : 0));

const aside = ([x, y], [ax, ay], [bx, by]) => {
  const length = Math.hypot(bx - ax, by - ay);
  return length ? Math.abs((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / length : Math.hypot(x - ax, y - ay);
};

// Douglas and Peucker: a point stays if it lies further from the line than the tolerance.
function simplify(points) {
  const keep = new Set([0, points.length - 1]), open = [[0, points.length - 1]];
  while (open.length) {
    const [first, last] = open.pop();
    let far = 0, at = -1;
    for (let i = first + 1; i < last; i++) {
      const distance = aside(points[i], points[first], points[last]);
      if (distance > far) [far, at] = [distance, i];
    }
    if (far > TOLERANCE) {
      keep.add(at);
      open.push([first, at], [at, last]);
    }
  }
  return points.filter((_, i) => keep.has(i));
}

const area = (points) =>
  Math.abs(points.reduce((sum, [x, y], i) => {
    const [nx, ny] = points[(i + 1) % points.length];
    return sum + x * ny - nx * y;
  }, 0)) / 2;

export async function outlines() {
  const path = fileURLToPath(import.meta.resolve("world-atlas/land-50m.json"));
  const { arcs, transform, objects } = JSON.parse(await readFile(path, "utf8"));
  const lines = decode(arcs, transform);
  const polygons = objects.land.geometries.flatMap((g) => (g.type === "Polygon" ? [g.arcs] : g.arcs));
  const rings = polygons
    .flat()
    .map((ring) => ringOf(ring, lines).map((point) => point.map((degrees) => Math.round(degrees * PER_DEGREE))))
    .filter((points) => area(points) >= SMALLEST)
    .map(simplify)
    .filter((points) => points.length > 3);
  return JSON.stringify(
    rings.map((points) => points.flatMap(([x, y], i) => (i ? [x - points[i - 1][0], y - points[i - 1][1]] : [x, y]))),
  );
}
