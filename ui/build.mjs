// Bundles the page into the folder given as argument: hashed names, and a compressed copy beside each file.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const out = process.argv[2];
if (!out) throw new Error("usage: node build.mjs OUT");
rmSync(out, { recursive: true, force: true });
const assets = join(out, "assets");
mkdirSync(assets, { recursive: true });

const result = await build({
  entryPoints: { main: "src/main.ts", style: "src/style.css" },
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022"],
  minify: true,
  outdir: assets,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  metafile: true,
  legalComments: "linked",
});

const built = Object.entries(result.metafile.outputs);
const nameOf = (entry) => built.find(([, o]) => o.entryPoint === entry)[0].split("/").pop();
const page = readFileSync("src/index.html", "utf8")
  .replace("{{style}}", nameOf("src/style.css"))
  .replace("{{main}}", nameOf("src/main.ts"));
writeFileSync(join(out, "index.html"), page);

const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
for (const folder of [out, assets]) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(folder, entry.name);
    const content = readFileSync(path);
    writeFileSync(`${path}.br`, brotliCompressSync(content, brotli));
    writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
    const digest = createHash("sha256").update(content).digest("hex").slice(0, 8);
    console.log(entry.name, content.length, digest);
  }
}
