/**
 * Builds the image where something has changed and tries it in containers that are restricted as pods are, without a cluster:
 *
 *     node test/e2e/image/try.ts     (as root; needs runc and etcdctl)
 */
import assert from "node:assert/strict";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { program, say, step } from "../support/log.ts";
import { built } from "../support/programs.ts";
import { Container, imageUser } from "./container.ts";
import { buildImages } from "./images.ts";
import { addedBytes, partSizes, sizeTable } from "./sizes.ts";
import { productImage, withMounted } from "./store.ts";

const memoryBytes = 512 * 1024 * 1024;
/** What the image may add to its base system, unpacked. */
const addedBytesMax = 150e6;
/** After this long a member that does not answer has failed. */
const readyMs = 60_000;

const etcdctl = join(built("etcd"), "../etcdctl");
const url = "http://127.0.0.1:2379";
const memberCommand = [
  "etcd-ts",
  "--name=m1",
  "--data-dir=/var/lib/etcd/data",
  "--listen-client-urls=http://0.0.0.0:2379",
  `--advertise-client-urls=${url}`,
];

async function startMember(rootDir: string, workDir: string): Promise<Container> {
  const dataDir = join(workDir, "data");
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  chownSync(dataDir, imageUser, imageUser);
  const name = `etcd-ts-image-${process.pid}`;
  const container = await Container.start({
    ...{ name, rootDir, workDir, dataDir, memoryBytes, command: memberCommand },
  });
  const deadline = performance.now() + readyMs;
  while ((await container.inNetwork(etcdctl, "endpoint", "health")).code !== 0) {
    if (performance.now() > deadline || !existsSync(`/proc/${container.pid}`)) {
      await container.stop("KILL");
      throw new Error(`the member does not serve:\n${readFileSync(join(workDir, "log"), "utf8")}`);
    }
    await sleep(50);
  }
  return container;
}

/** Who the member runs as, and what it may do. */
async function checkRestrictions(member: Container): Promise<void> {
  const status = member.readProc("status");
  assert.match(status, new RegExp(`^Uid:\\s${imageUser}\\s`, "m"));
  assert.match(status, /^NSpid:\s\d+\s1$/m);
  assert.match(status, /^CapEff:\s0+$/m);
  assert.notEqual((await member.exec("touch", "/opt/etcd-ts/x")).code, 0);
  assert.equal((await member.exec("touch", "/tmp/x")).code, 0);
}

/** The heap that is planned for this limit, and not the one for the machine's memory. */
async function checkMemory(member: Container): Promise<void> {
  assert.ok(member.readProc("cmdline").split("\0").includes("--max-old-space-size=128"));
  const script = "process.stdout.write(String(process.constrainedMemory()))";
  assert.equal((await member.exec("node", "-e", script)).stdout, String(memoryBytes));
}

async function checkPrograms(member: Container): Promise<void> {
  for (const name of ["etcd-ts", "etcd-ts-operator", "etcdctl-ts"]) {
    const { code, stderr } = await member.exec(name, "--help");
    assert.equal(code, 0, `${name}: ${stderr}`);
  }
  for (const name of ["npm", "yarn", "corepack"]) {
    const { code } = await member.exec("sh", "-c", `command -v ${name}`);
    assert.notEqual(code, 0, `the image carries ${name}`);
  }
}

async function tryMember(rootDir: string, workDir: string): Promise<void> {
  let member = await step("a member is up", () => startMember(rootDir, workDir));
  try {
    await step("it is restricted", () => checkRestrictions(member));
    await step("its heap follows the container's memory", () => checkMemory(member));
    await step("the programs start", () => checkPrograms(member));
    await step("it writes", async () => {
      assert.equal((await member.inNetwork(etcdctl, "put", "key", "value")).stdout, "OK\n");
    });
    assert.equal(await step("it ends on SIGTERM", () => member.stop("TERM")), 0);
    member = await step("it is up again", () => startMember(rootDir, workDir));
    await step("it has its data", async () => {
      assert.equal((await member.inNetwork(etcdctl, "get", "key")).stdout, "key\nvalue\n");
    });
  } finally {
    await member.stop("KILL");
  }
}

await program(async () => {
  await step("images built", buildImages);
  const workDir = mkdtempSync(join(tmpdir(), "etcd-ts-image-"));
  try {
    await withMounted(productImage, async (rootDir) => {
      const sizes = partSizes(rootDir);
      say(`what fills the image:\n${sizeTable(sizes)}`);
      assert.ok(addedBytes(sizes) < addedBytesMax, "the image is too large");
      await tryMember(rootDir, workDir);
    });
  } finally {
    rmSync(workDir, { recursive: true });
  }
});
