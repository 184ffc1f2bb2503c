/** What the figures were taken on. */
import { execFileSync } from "node:child_process";
import { statfsSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { peer } from "../support/peers.ts";

/** statfs(2): filesystems on which fsync costs nothing, so that writes measured there mean nothing. */
const memoryFilesystems = new Map([
  [0x01021994, "tmpfs"],
  [0x858458f6, "ramfs"],
]);

/** One line: machine, versions, commit. */
export function machineLine(): string {
  const parts = [
    `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"})`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Linux ${release()}`,
    `Node.js ${process.versions.node}`,
    firstLine(peer("etcd"), "--version").replace(" Version:", ""),
    `commit ${commit()}`,
  ];
  return parts.join(", ");
}

/** The name of the directory's filesystem when it lives in memory. */
export function memoryFilesystem(directory: string): string | undefined {
  return memoryFilesystems.get(statfsSync(directory).type);
}

function commit(): string {
  try {
    const dirty = execFileSync("git", ["status", "--porcelain"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return firstLine("git", "rev-parse", "--short", "HEAD") + (dirty === "" ? "" : " with changes");
  } catch {
    return "none";
  }
}

function firstLine(program: string, ...args: readonly string[]): string {
  const text = execFileSync(program, [...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return text.split("\n")[0] ?? "";
}
