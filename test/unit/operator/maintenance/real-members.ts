/**
 * Three members as processes, each at an address of its own of 127.0.0.0/8 with the ports that Pods have: so their EtcdMembers' URLs lead to them. And the
 * program of the CronJobs as a process, with the fake API server on a socket.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "../../../../node/client/client.ts";
import type { Status } from "../../../../node/client/cluster-results.ts";
import { until } from "../../../cluster/until.ts";
import type { FakeApi } from "../../../operator/fake-api.ts";
import { FakeApiServer } from "../../../operator/fake-api-server.ts";
import { ourServer } from "../../../support/server-process.ts";

/** None outlives the test. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

function launched(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

const operatorMain = join(import.meta.dirname, "../../../../operator/main.ts");

export interface RealMember {
  readonly name: string;
  readonly peerUrl: string;
  readonly clientUrl: string;
  readonly metricsUrl: string;
}

export interface Leadership {
  readonly leader: RealMember;
  readonly leaderId: bigint;
  readonly clusterId: string;
  readonly statuses: ReadonlyMap<string, Status>;
}

export class RealMembers {
  readonly members: readonly RealMember[];
  private readonly directory = mkdtempSync(join(tmpdir(), "etcd-ts-maintenance-"));
  private readonly children: ChildProcess[] = [];

  constructor() {
    const network = `127.${randomInt(1, 250)}.${randomInt(1, 250)}`;
    this.members = ["a", "b", "c"].map((letter, at) => {
      const host = `${network}.${at + 11}`;
      return {
        name: `db-${letter}`,
        peerUrl: `http://${host}:2380`,
        clientUrl: `http://${host}:2379`,
        metricsUrl: `http://${host}:2381`,
      };
    });
  }

  async start(): Promise<Leadership> {
    const command = ourServer();
    assert.ok(command !== undefined, "there is no server to test");
    const initial = this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
    for (const { name, peerUrl, clientUrl, metricsUrl } of this.members) {
      const log = openSync(join(this.directory, `${name}.log`), "a");
      const [program, ...first] = command;
      const flags = [
        `--name=${name}`,
        `--data-dir=${join(this.directory, name)}`,
        `--listen-client-urls=${clientUrl}`,
        `--advertise-client-urls=${clientUrl}`,
        `--listen-peer-urls=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--listen-metrics-urls=${metricsUrl}`,
        `--initial-cluster=${initial}`,
      ];
      const child = spawn(program, [...first, ...flags], { stdio: ["ignore", log, log] });
      this.children.push(launched(child));
      closeSync(log);
    }
    return this.untilLed();
  }

  client(deadlineMs = 5000): Client {
    return new Client({ endpoints: this.members.map(({ clientUrl }) => clientUrl), deadlineMs });
  }

  /** Once all say the same leader. */
  async untilLed(): Promise<Leadership> {
    const client = this.client(1000);
    try {
      return await until("a leader", async () => {
        const statuses = new Map<string, Status>();
        for (const { name, clientUrl } of this.members) {
          statuses.set(name, await client.status({ endpoint: clientUrl }));
        }
        const [{ leader: leaderId, header }] = [...statuses.values()] as [Status];
        const leader = this.members.find(
          ({ name }) => statuses.get(name)?.header.memberId === leaderId,
        );
        const isAgreed = [...statuses.values()].every((status) => status.leader === leaderId);
        if (leader === undefined || !isAgreed) return undefined;
        return { leader, leaderId, clusterId: header.clusterId.toString(16), statuses };
      });
    } catch (error) {
      const logs = this.members.map(({ name }) =>
        readFileSync(join(this.directory, `${name}.log`), "utf8").slice(-2000),
      );
      throw new Error(`no leader\n${logs.join("\n")}`, { cause: error });
    } finally {
      client.close();
    }
  }

  /** How often each has been defragmented, by its own count. */
  async defragmentations(): Promise<readonly number[]> {
    return Promise.all(
      this.members.map(async ({ metricsUrl }) => {
        const text = await (await fetch(`${metricsUrl}/metrics`)).text();
        const [, count] =
          /^etcd_disk_backend_defrag_duration_seconds_count (\d+)/m.exec(text) ?? [];
        return Number(count);
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all(
      this.children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGKILL");
        await ended;
      }),
    );
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Runs `etcd-ts-operator maintenance` as processes. */
export class MaintenancePrograms {
  private readonly server: FakeApiServer;
  private readonly directory = mkdtempSync(join(tmpdir(), "etcd-ts-maintenance-"));
  private readonly children: ChildProcess[] = [];

  constructor(api: FakeApi) {
    this.server = new FakeApiServer(api);
  }

  async listen(): Promise<void> {
    await this.server.listen();
    writeFileSync(join(this.directory, "kubeconfig"), this.server.kubeConfig);
  }

  start(task: "compact" | "defrag"): {
    readonly child: ChildProcess;
    readonly code: Promise<number>;
  } {
    const kubeconfig = `--kubeconfig=${join(this.directory, "kubeconfig")}`;
    const args = [operatorMain, "maintenance", task, "--cluster", "prod/db", kubeconfig];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "pipe"] });
    let log = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text));
    this.children.push(launched(child));
    const code = new Promise<number>((resolve) => {
      child.once("close", (status, signal) => {
        if (status === null || status > 1) process.stderr.write(`${signal ?? ""}\n${log}`);
        resolve(status ?? -1);
      });
    });
    return { child, code };
  }

  run(task: "compact" | "defrag"): Promise<number> {
    return this.start(task).code;
  }

  async close(): Promise<void> {
    for (const child of this.children) child.kill("SIGKILL");
    await this.server.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
