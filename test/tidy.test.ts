/**
 * House rules that no tool has. Each looks at all files that are ours and fails with the list of places; where a rule
 * has exceptions, they stand next to it with their reason.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { test } from "node:test";

const projectDir = resolve(import.meta.dirname, "..");
const notOurs = /(^|\/)(node_modules|dist|coverage|\.git|\.cache)(\/|$)/;
const generated = /(^|\/)generated\//;
const textFile =
  /\.(ts|js|mjs|cjs|json|md|sh|go|mod|yaml|yml|proto|txt)$|(^|\/)(run|Dockerfile|LICENSE)$/;
const thisFile = "test/tidy.test.ts";

const paths = globSync("{*,.*,.ci/**,.config/**,node/**,operator/**,charts/**,crds/**,test/**}", {
  cwd: projectDir,
  withFileTypes: true,
})
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name).slice(projectDir.length + 1))
  .filter((path) => !notOurs.test(path))
  .sort();
const source = paths.filter((path) => path.endsWith(".ts") && !generated.test(path));
const product = source.filter((path) => /^(node|operator)\//.test(path));

const read = (path: string): string => readFileSync(join(projectDir, path), "utf8");

/** "path:line: text" for each line of these files that matches. */
function linesMatching(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((path) =>
    read(path)
      .split("\n")
      .flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
  );
}

function none(found: readonly string[], rule: string): void {
  assert.equal(found.length, 0, `${rule}\n  ${found.join("\n  ")}`);
}

test("nothing unfinished lands", () => {
  const files = paths.filter((path) => textFile.test(path) && path !== thisFile);
  none(linesMatching(files, /\bFIXME\b|\bXXX\b/), "finish it, or open an issue");
  none(linesMatching(files, /\bTODO\b(?!\(#\d+\))/), "a TODO carries its issue: TODO(#12)");
});

test("no file names a registry's host or a path of the machine it was written on", () => {
  const files = paths.filter((path) => textFile.test(path) && path !== thisFile);
  const host =
    /registry\.npmjs\.|registry\.yarnpkg\.|proxy\.golang\.|npmmirror|artifactory|nexus\./i;
  none(linesMatching(files, host), "registries are configured on the machine, not in the project");
  none(
    linesMatching(files, /(^|[\s"'`=(:])\/(root|home|Users|work)\//),
    "a path only one machine has",
  );
  none(
    linesMatching(["package-lock.json"], /"resolved"/),
    "see .npmrc: no `resolved` in the lock file",
  );
});

test("dependencies are pinned to exact versions", () => {
  const manifest = JSON.parse(read("package.json")) as Record<string, Record<string, string>>;
  const versions = Object.entries({ ...manifest["dependencies"], ...manifest["devDependencies"] });
  none(
    versions
      .filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))
      .map(([name, version]) => `${name} ${version}`),
    "write the version without a range",
  );
});

test("files are short enough to be one concept", () => {
  const linesMax = (path: string): number => (path.startsWith("test/") ? 600 : 400);
  none(
    source
      .map((path) => ({ path, lines: read(path).split("\n").length - 1 }))
      .filter(({ path, lines }) => lines > linesMax(path))
      .map(({ path, lines }) => `${path}: ${lines} lines`),
    "split by concept",
  );
});

test("every source file begins by saying what it owns", () => {
  none(
    [...product, ...source.filter((path) => path.startsWith("test/support/"))].filter(
      (path) => !/^(#!.*\n)?\/\*\*/.test(read(path)),
    ),
    "start with a /** comment */",
  );
});

test("file names are kebab-case and there are no barrel files", () => {
  none(
    source.filter((path) => !/^[a-z0-9]+([-.][a-z0-9]+)*\.ts$/.test(basename(path))),
    "kebab-case",
  );
  none(
    source.filter((path) => basename(path) === "index.ts"),
    "import from the file that owns the name",
  );
  none(linesMatching(source, /^export \* from/), "import from the file that owns the name");
});

test("relative imports name the .ts file", () => {
  none(
    linesMatching(source, /from "\.{1,2}\/[^"]*(?<!\.ts)"/).filter(
      (line) => !/\/generated\//.test(line),
    ),
    "end in .ts",
  );
});

test("every exported name in node/raft is documented", () => {
  const declaration =
    /^export (?:abstract |declare )?(?:const|function|class|interface|type) (\w+)/;
  const found = product
    .filter((path) => path.startsWith("node/raft/"))
    .flatMap((path) => {
      const lines = read(path).split("\n");
      const names = lines.map((line) => declaration.exec(line)?.[1]);
      // The file's header is the documentation of an export that is alone.
      if (new Set(names.filter((name) => name !== undefined)).size === 1) return [];
      return names.flatMap((name, at) => {
        if (name === undefined || lines[at - 1]?.endsWith("*/") === true) return [];
        // The type of a documented constant's values, written below it as keyof typeof.
        const isTypeOfConstant = /typeof (\w+)/.test(lines[at] ?? "");
        return isTypeOfConstant ? [] : [`${path}:${at + 1}: ${name}`];
      });
    });
  none(found, "say its meaning, units and invariants");
});

test("unit tests mirror the tree", () => {
  // The simulator, the bench and other programs under test/ have tests too.
  const tested = source.filter((path) => !path.startsWith("test/unit/"));
  const folders = new Set(tested.map((path) => dirname(path).replace(/^(node|test)\//, "")));
  none(
    source.filter((path) => {
      const folder = /^test\/unit\/(.*)\/[^/]+\.test\.ts$/.exec(path)?.[1];
      return folder !== undefined && folder !== "tidy" && !folders.has(folder);
    }),
    "test/unit/x/ tests node/x/",
  );
});

test("no test is switched off", () => {
  const off = /\b(test|it|describe|suite|t)\.(skip|only|todo)\b|\b(skip|only|todo): (true|"|')/;
  none(
    linesMatching(
      source.filter((path) => path.startsWith("test/") && path !== thisFile),
      off,
    ),
    "a test that lacks a program says needs(...); others run",
  );
});

test("every document has one title, on its first line", () => {
  none(
    paths.filter((path) => path.endsWith(".md") && !/^# \S/.test(read(path))),
    "begin with # Title",
  );
});
