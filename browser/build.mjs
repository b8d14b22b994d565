// Makes one file of the page: script and style inline, each allowed by its digest and nothing else.
// The answer depends on the sources and the locked packages alone. `--out FILE` writes elsewhere.
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";

import { build, transform } from "esbuild";

const here = import.meta.dirname;
const { values } = parseArgs({ options: { out: { type: "string" } } });
const out = values.out ?? path.join(here, "dist", "verifier.html");

const bundled = await build({
  absWorkingDir: here,
  entryPoints: ["src/page.ts"],
  bundle: true,
  charset: "ascii",
  format: "iife",
  legalComments: "none",
  metafile: true,
  minify: true,
  platform: "browser",
  target: "es2022",
  write: false,
});
const source = (name) => readFile(path.join(here, "src", name), "utf8");
const css = await transform(await source("page.css"), { loader: "css", minify: true });

const licences = await Promise.all(packages(bundled.metafile).map(notice));
const script = `/*\n${licences.join("\n\n")}\n*/\n${bundled.outputFiles[0].text}`;
if (/<\/script|<!--/i.test(script)) throw new Error("the script would end the element it stands in");

const allowed = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const policy = [
  "default-src 'none'",
  `script-src ${allowed(script)}`,
  `style-src ${allowed(css.code)}`,
  "connect-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const parts = { policy, style: css.code, script };
const page = (await source("page.html")).replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name]);
await mkdir(path.dirname(out), { recursive: true });
await writeFile(out, page);

// The packages that went in, whose licences ask that their notices travel with them.
function packages({ inputs }) {
  const names = Object.keys(inputs).map((name) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(name)?.[1]);
  return [...new Set(names)].filter((name) => name !== undefined).sort();
}

async function notice(name) {
  const folder = path.join(here, "node_modules", name);
  const { version } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
  const text = await readFile(path.join(folder, "LICENSE"), "utf8");
  return `${name} ${version}\n${text.trim().replaceAll("*/", "* /")}`;
}
