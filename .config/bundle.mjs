/**
 * Bundles the programs for the image into dist/bundle/, a folder that runs wherever it is put, with Node.js alone:
 *
 *     etcd-ts etcd-ts-operator etcdctl-ts    the programs: executable JavaScript modules
 *     chunks/                                what they load, shared between them, with source maps (without the sources)
 *     node_modules/                          packages with native code, only the files that run on this platform
 *     package.json THIRD-PARTY.txt LICENSE   what is in it, and under which terms
 *
 *     node .config/bundle.mjs                          all programs
 *     node .config/bundle.mjs etcd-ts                  these programs only
 *     node .config/bundle.mjs --out-dir <folder>       into another folder, which is emptied before
 *
 * Splitting keeps the start in two steps: main.ts may replace the process (heap limits) before the large chunk is read. Names are kept,
 * because they are what a stack trace without a source map says; NODE_OPTIONS=--enable-source-maps gives files and lines.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { builtinModules } from "node:module";
import { basename, dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";

import { build } from "esbuild";

const projectDir = resolve(import.meta.dirname, "..");
const entries = {
  "etcd-ts": "node/main.ts",
  "etcd-ts-operator": "operator/main.ts",
  "etcdctl-ts": "node/ctl/main.ts",
};

/** They load native code by a path beside their own files, so they stay packages. */
const nativePackages = ["classic-level", "@node-rs/crc32", "fs-native-extensions"];
/** What bundled packages (ws, debug) look for and do without. */
const absentPackages = ["bufferutil", "utf-8-validate", "supports-color"];

/**
 * They read .proto files, but only for services that we do not offer (channelz, load reports), start workers for transports that we do not use (pino), or
 * do without (undici, for its stack traces).
 */
const sourcesWithFolder = [
  "pino/lib/transport.js",
  "thread-stream/index.js",
  "undici/index.js",
  "@grpc/grpc-js/build/src/channelz.js",
  "@grpc/grpc-js/build/src/orca.js",
];

/** CommonJS packages call `require`, which an ES module must make for itself. */
const requireBanner =
  'import { createRequire as createBundleRequire } from "node:module"; const require = createBundleRequire(import.meta.url);';

const readJson = (path) => JSON.parse(readFileSync(join(projectDir, path), "utf8"));

function fail(message) {
  process.stderr.write(`bundle: ${message}\n`);
  process.exit(1);
}

/** Programs to build, by name, with their entry points. */
function choosePrograms(names) {
  const chosen = names.length === 0 ? Object.keys(entries) : names;
  for (const name of chosen) {
    const entry = entries[name];
    if (entry === undefined) {
      fail(`no program is called "${name}": name some of ${Object.keys(entries).join(", ")}`);
    }
    if (!existsSync(join(projectDir, entry))) fail(`${name}: its entry point ${entry} is missing`);
    const isProgram = readFileSync(join(projectDir, entry), "utf8").startsWith(
      "#!/usr/bin/env node\n",
    );
    if (!isProgram) fail(`${entry} must begin with the line "#!/usr/bin/env node"`);
  }
  return Object.fromEntries(chosen.map((name) => [name, entries[name]]));
}

/** esbuild has said what is wrong, and where, by then. */
const buildOrFail = (options) => build(options).catch(() => fail("nothing was built"));

/** Writes programs and chunks. Returns the paths of the sources that are in them, relative to the project. */
async function bundlePrograms(programs, outDir) {
  const { metafile } = await buildOrFail({
    absWorkingDir: projectDir,
    entryPoints: Object.entries(programs).map(([out, entry]) => ({ in: entry, out })),
    outdir: outDir,
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: "linked",
    sourcesContent: false,
    legalComments: "none",
    external: [...nativePackages, ...absentPackages],
    banner: { js: requireBanner },
    metafile: true,
    logLevel: "warning",
  });
  const outputs = Object.entries(metafile.outputs).filter(([path]) => path.endsWith(".js"));
  for (const [path, { imports }] of outputs) checkImports(path, imports);
  for (const path of globSync("{*,chunks/*}.map", { cwd: outDir })) nameSources(join(outDir, path));
  for (const name of Object.keys(programs)) {
    renameSync(join(outDir, `${name}.js`), join(outDir, name));
    chmodSync(join(outDir, name), 0o755);
  }
  const used = outputs.flatMap(([, { inputs }]) =>
    Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0),
  );
  const sources = [...new Set(used.map(([path]) => path))];
  for (const path of sources) checkSource(path);
  return sources;
}

/** Lets a source map name the sources by their paths in the project, as if they stood in `outDir`, wherever both are. */
function nameSources(path) {
  const map = JSON.parse(readFileSync(path, "utf8"));
  const toOutDir = relative(dirname(path), outDir);
  const sources = map.sources.map((source) =>
    join(toOutDir, relative(projectDir, resolve(dirname(path), source))),
  );
  writeFileSync(path, JSON.stringify({ ...map, sources }));
}

/** What would only be missed when the program runs: packages that are not there. */
function checkImports(path, imports) {
  const known = [...nativePackages, ...absentPackages, ...builtinModules];
  for (const { path: imported, external } of imports) {
    if (external === true && !imported.startsWith("node:") && !known.includes(imported)) {
      fail(`${path} imports ${imported}, which is neither bundled nor copied`);
    }
  }
}

/** A bundled file has no folder of its own: one that reads files beside itself would fail when it does. */
function checkSource(path) {
  if (sourcesWithFolder.some((known) => path.endsWith(known))) return;
  const text = readFileSync(join(projectDir, path), "utf8");
  if (/(?<![.\w$])__(dir|file)name\b|\bimport\.meta\.(url|dir|file)/.test(text)) {
    fail(`${path} asks where it stands: make its package external, as native packages are`);
  }
}

/** The JavaScript files of the native packages and of what they load, relative to the project. */
async function traceScripts() {
  const { metafile } = await buildOrFail({
    absWorkingDir: projectDir,
    entryPoints: nativePackages,
    outdir: "unused",
    write: false,
    bundle: true,
    platform: "node",
    external: ["*.node", "@node-rs/crc32-*"],
    metafile: true,
    // Files of other platforms, that are not there, give warnings.
    logLevel: "error",
  });
  return Object.keys(metafile.inputs);
}

/** The native libraries that these packages load on this platform: its libc and processor decide. */
function traceLibraries() {
  const script = `
    for (const name of ${JSON.stringify(nativePackages)}) require(name);
    process.report.excludeNetwork = true;
    process.stdout.write(JSON.stringify(process.report.getReport().sharedObjects));`;
  const report = execFileSync(process.execPath, ["-e", script], { cwd: projectDir });
  const libraries = JSON.parse(report.toString()).filter((path) => path.endsWith(".node"));
  assert.equal(libraries.length, nativePackages.length, `one each: ${libraries.join(" ")}`);
  return libraries.map((path) => relative(projectDir, path));
}

/** node_modules/a/node_modules/b/lib/c.js ▸ node_modules/a/node_modules/b; undefined for our own files. */
function packageDirOf(path) {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
}

const isLicenseFile = (path) =>
  /^(licen[cs]e|copying|notice)(-\w+)?(\.(md|txt))?$/i.test(basename(path));

/** Texts of licences in a package, also of the code of others that it contains, such as LevelDB in classic-level. */
function licenseTexts(packageDir) {
  const cwd = join(projectDir, packageDir);
  return globSync("**", { cwd, exclude: (name) => name === "node_modules" })
    .filter(isLicenseFile)
    .sort()
    .map((path) => readFileSync(join(cwd, path), "utf8").trim());
}

/** Copies files of packages, with the manifest of each package. */
function copyPackages(paths, outDir) {
  const manifests = new Set(paths.map((path) => `${packageDirOf(path)}/package.json`));
  for (const path of [...paths, ...manifests]) {
    mkdirSync(join(outDir, dirname(path)), { recursive: true });
    copyFileSync(join(projectDir, path), join(outDir, path));
  }
}

/** Each package once, by name, as { name, version, license, dir }. A package that is only for development does not belong here. */
function listPackages(paths) {
  const locked = readJson("package-lock.json").packages;
  const dirs = new Set(paths.map(packageDirOf).filter((dir) => dir !== undefined));
  return [...dirs].sort().map((dir) => {
    const { name, version, license } = readJson(`${dir}/package.json`);
    if (locked[dir]?.version !== version)
      fail(`${dir} is not what package-lock.json says: run npm ci`);
    if (locked[dir].dev === true) fail(`${dir} is a development dependency, yet a program uses it`);
    if (typeof license !== "string") fail(`${dir}/package.json names no licence`);
    return { name, version, license, dir };
  });
}

/** The terms of all packages. Equal texts stand once. */
function thirdPartyNotice(packages) {
  const texts = new Map();
  for (const { name, version, license, dir } of packages) {
    const text = licenseTexts(dir).join("\n\n") || "The package brings no text of its licence.";
    const key = `${license}\n\n${text}`;
    texts.set(key, [...(texts.get(key) ?? []), `${name} ${version}`]);
  }
  const parts = [...texts].map(([text, names]) => `${names.join("\n")}\nLicence: ${text}\n`);
  return ["Software of others that these programs contain.\n", ...parts].join(
    `\n${"-".repeat(80)}\n\n`,
  );
}

function writeManifest(packages, outDir) {
  const { name, version, description, license } = readJson("package.json");
  const isNative = ({ name }) => nativePackages.includes(name);
  const pinned = packages.filter(isNative).map((entry) => [entry.name, entry.version]);
  const manifest = { name, version, description, license, private: true, type: "module" };
  writeFileSync(
    join(outDir, "package.json"),
    `${JSON.stringify({ ...manifest, dependencies: Object.fromEntries(pinned) }, undefined, 2)}\n`,
  );
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "out-dir": { type: "string" } },
});
const outDir = resolve(values["out-dir"] ?? join(projectDir, "dist/bundle"));
const programs = choosePrograms(positionals);
rmSync(outDir, { recursive: true, force: true });
const bundled = await bundlePrograms(programs, outDir);
const native = [...(await traceScripts()), ...traceLibraries()];
copyPackages(native, outDir);
const packages = listPackages([...bundled, ...native]);
writeManifest(packages, outDir);
writeFileSync(join(outDir, "THIRD-PARTY.txt"), thirdPartyNotice(packages));
copyFileSync(join(projectDir, "LICENSE"), join(outDir, "LICENSE"));
