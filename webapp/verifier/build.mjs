// Builds verify.js for the site, verify.html, one file that opens from disk, and land.json for the maps.

import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { outlines } from "./outlines.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const hashOf = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

const built = await build({
  entryPoints: [here("main.js")],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  write: false,
});
const script = built.outputFiles[0].text;
const page = await readFile(here("verify.html"), "utf8");
const [, style] = /<style>(.*)<\/style>/s.exec(page);
const policy = `default-src 'none'; script-src ${hashOf(script)}; style-src ${hashOf(style)}; worker-src blob:; form-action 'none'; base-uri 'none'`;
const whole = page
  .replace("{policy}", () => policy)
  .replace("<script></script>", () => `<script>${script}</script>`);

await mkdir(here("../static/built"), { recursive: true });
await writeFile(here("../static/built/verify.js"), script);
await writeFile(here("../static/built/verify.html"), whole);
await writeFile(here("../static/built/land.json"), await outlines());
