// Builds charts.js and charts.css: what zooms the chart and the map, with the libraries and their licences.
// Where to is the first argument, else where the site serves it from.

import { mkdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const licence = async (name) => `${name}\n\n${await readFile(here(`node_modules/${name}/LICENSE`), "utf8")}`;
const notices = `/*! ${(await Promise.all(["uplot", "leaflet"].map(licence))).join("\n")} */`;
const out = process.argv[2] ?? here("../static/built");

await mkdir(out, { recursive: true });
await build({
  entryPoints: { charts: here("main.js") },
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  banner: { js: notices, css: notices },
  external: ["*.png"], // pictures of parts of Leaflet that no page has
});
