/** The bundle that the image carries, run from a folder from which neither the sources nor node_modules can be seen. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { needs, peer } from "../../../support/peers.ts";
import { freePort, ServerProcess } from "../../../support/server-process.ts";

const projectDir = join(import.meta.dirname, "../../../..");
const programs = ["etcd-ts", "etcd-ts-operator", "etcdctl-ts"];
const directory = mkdtempSync(join(tmpdir(), "etcd-ts-bundle-"));
const bundle = join(directory, "bundle");

/** After this long a member that was told to end does not. */
const endMs = 30_000;

const read = (path: string): string => readFileSync(join(bundle, path), "utf8");

/** The packages of package-lock.json by their paths. */
function lockedPackages(): Record<string, { version: string; dev?: boolean }> {
  const text = readFileSync(join(projectDir, "package-lock.json"), "utf8");
  return JSON.parse(text).packages;
}

function runBundler(...args: readonly string[]): { status: number | null; stderr: string } {
  const script = join(projectDir, ".config/bundle.mjs");
  return spawnSync(process.execPath, [script, ...args], { encoding: "utf8" });
}

before(() => {
  const { status, stderr } = runBundler("--out-dir", bundle);
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
});
after(() => rmSync(directory, { recursive: true, force: true }));

for (const program of programs) {
  test(`${program} starts from the bundle alone`, () => {
    const help = execFileSync(join(bundle, program), ["--help"], {
      cwd: directory,
      encoding: "utf8",
    });
    assert.ok(help.includes(program), help);
  });
}

test("etcd-ts of the bundle tells its version", () => {
  const output = execFileSync(join(bundle, "etcd-ts"), ["--version"], { encoding: "utf8" });
  assert.match(output, /^etcd Version: \d+\.\d+\.\d+\n.*\nGo Version: none \(Node\.js v\d+/);
});

interface Member {
  readonly server: ServerProcess;
  readonly etcdctl: (...args: readonly string[]) => string;
}

/** Runs `work` with a member on the one data directory, which is then stopped; returns how it ended. */
async function withMember(
  environment: Record<string, string>,
  work: (member: Member) => void,
): Promise<string | undefined> {
  const server = new ServerProcess({
    command: [join(bundle, "etcd-ts")],
    dataDirectory: join(directory, "data"),
    logFile: join(directory, "log"),
    clientPort: await freePort(),
    peerPort: await freePort(),
    environment,
  });
  const etcdctl = (...args: readonly string[]): string =>
    execFileSync(peer("etcdctl"), [`--endpoints=${server.address}`, ...args], {
      encoding: "utf8",
    }).trim();
  try {
    await server.ready();
    work({ server, etcdctl });
    // One that ignores the signal is killed below, and its end is not the one that is asked for.
    await Promise.race([server.stop("SIGTERM"), sleep(endMs, undefined, { ref: false })]);
    return server.end;
  } finally {
    await server.stop("SIGKILL");
  }
}

test(
  "a member from the bundle serves etcdctl, limits its heap, ends with code 0 on SIGTERM and keeps its data",
  needs("etcdctl"),
  async () => {
    const memory = { ETCD_TS_TEST_MEMORY_BYTES: String(512 * 1024 * 1024) };
    const end = await withMember(memory, ({ server, etcdctl }) => {
      const commandLine = readFileSync(`/proc/${server.pid}/cmdline`, "utf8").split("\0");
      assert.ok(commandLine.includes("--max-old-space-size=128"), commandLine.join(" "));
      assert.equal(etcdctl("put", "key", "value"), "OK");
      assert.equal(etcdctl("get", "key", "--print-value-only"), "value");
    });
    assert.equal(end, "exited with code 0");
    await withMember({}, ({ etcdctl }) => {
      assert.equal(etcdctl("get", "key", "--print-value-only"), "value");
    });
  },
);

test("every package in the bundle is a production dependency, at the locked version, and its terms are told", () => {
  const locked = lockedPackages();
  const copied = globSync("node_modules/{*,@*/*}/package.json", { cwd: bundle });
  assert.ok(copied.length > 0);
  for (const path of copied) {
    const entry = locked[path.replace(/\/package\.json$/, "")];
    assert.equal(JSON.parse(read(path)).version, entry?.version, path);
    assert.notEqual(entry?.dev, true, `${path} is a development dependency`);
  }
  const production = new Set(
    Object.entries(locked)
      .filter(([, { dev }]) => dev !== true)
      .map(([path, { version }]) => `${path.replace(/^.*node_modules\//, "")} ${version}`),
  );
  const told = [...read("THIRD-PARTY.txt").matchAll(/^(?:@[\w-]+\/)?[\w.-]+ \d+\.\d+\.\d+$/gm)];
  const names = told.map(([name]) => name);
  for (const name of names) assert.ok(production.has(name), `${name} is not for production`);
  const direct = ["level", "prom-client", "protobufjs", "@grpc/grpc-js", "@kubernetes/client-node"];
  for (const name of [...direct, ...Object.keys(JSON.parse(read("package.json")).dependencies)]) {
    assert.ok(names.includes(`${name} ${locked[`node_modules/${name}`]?.version}`), name);
  }
  assert.match(read("THIRD-PARTY.txt"), /The LevelDB Authors/);
});

test("the bundle has native code for this platform only", () => {
  const libraries = globSync("**/*.node", { cwd: bundle });
  assert.equal(libraries.length, 3, libraries.join(" "));
});

test("the bundle holds no path of the machine that made it", () => {
  for (const path of globSync("{*,chunks/*}", { cwd: bundle })) {
    if (!path.endsWith("node_modules") && path !== "chunks") {
      assert.ok(!read(path).includes(`${projectDir}/`), path);
    }
  }
});

test("a program that does not exist is refused", () => {
  const { status, stderr } = runBundler("etcd", "--out-dir", join(directory, "other"));
  assert.equal(status, 1);
  assert.equal(
    stderr,
    'bundle: no program is called "etcd": name some of etcd-ts, etcd-ts-operator, etcdctl-ts\n',
  );
});
