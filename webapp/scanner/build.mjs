// Puts the decoder where the site serves it: the script and the WebAssembly, byte for byte as packaged.

import { copyFile, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const packaged = (path) => here(`node_modules/zxing-wasm/dist/${path}`);

await mkdir(here("../static/built"), { recursive: true });
await copyFile(packaged("iife/reader/index.js"), here("../static/built/zxing.js"));
await copyFile(packaged("reader/zxing_reader.wasm"), here("../static/built/zxing_reader.wasm"));
