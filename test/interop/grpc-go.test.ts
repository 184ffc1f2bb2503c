/** grpc-go, which all of etcd's own clients are made of, against both transports: every kind of call, and how they end. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { goPeer, needs } from "../support/peers.ts";
import { Lab, transports } from "../unit/grpc/adapter-lab.ts";

/** Lines of test/peers/grpc; its exit code says the same. */
function runChecks(address: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    execFile(goPeer("grpc"), [address], { timeout: 120_000 }, (error, stdout, stderr) => {
      const lines = stdout.trimEnd().split("\n");
      if (error !== null && lines.length < 2) reject(new Error(`${error.message}\n${stderr}`));
      else resolve(lines);
    });
  });
}

describe("grpc-go", needs("grpc"), () => {
  for (const [name, make] of Object.entries(transports)) {
    test(`calls methods of every kind over ${name}`, async () => {
      const lab = await Lab.start(make);
      try {
        const lines = await runChecks(lab.address);
        assert.deepEqual(
          lines.filter((line) => !line.startsWith("ok ")),
          [],
        );
        assert.ok(lines.length >= 24, `${lines.length} checks`);
      } finally {
        await lab.stop();
      }
    });
  }
});
