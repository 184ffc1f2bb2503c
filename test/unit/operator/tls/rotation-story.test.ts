/**
 * Three members as processes of their own under mutual TLS, with the operator's flags, names and certificates, and their Secrets mounted as the kubelet does, late. All
 * leaves and then the CA are changed under load: nobody restarts, nobody is elected, no request fails.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../../../../node/client/client.ts";
import type { TlsProof } from "../../../../operator/cluster/observed.ts";
import { peerCommonNameOf } from "../../../../operator/resources/tls-names.ts";
import { textsIn } from "../../../../operator/resources/tls-secrets.ts";
import { hostOf } from "../../../../operator/resources/urls.ts";
import { ManagedTls } from "../../../../operator/tls/managed-tls.ts";
import { TlsLab } from "../../../operator/model-tls/tls-lab.ts";
import { swapSecret, writeSecretDirectory } from "../../../support/pki/files.ts";
import {
  freePort,
  ourServer,
  ServerProcess,
  type ServerTls,
} from "../../../support/server-process.ts";

const names = ["a", "b", "c"];
const root = mkdtempSync(join(tmpdir(), "etcd-ts-rotation-"));
const running: ServerProcess[] = [];
after(async () => {
  await Promise.all(running.map((server) => server.stop("SIGKILL")));
  rmSync(root, { recursive: true, force: true });
});

interface Ports {
  readonly clientPort: number;
  readonly peerPort: number;
}

/** The lab, whose members are real: their proofs are dialled, and what they have mounted comes some looks after the Secret. */
class Story extends TlsLab {
  readonly ports = new Map<string, Ports>();
  private readonly mounted = new Map<string, string | undefined>();
  private readonly prover = new ManagedTls({ unixMs: () => this.nowMs });
  private looks = 0;

  constructor() {
    super({ a: {}, b: {}, c: {} }, { clients: [{ name: "app" }] });
    this.nowMs = Date.now();
  }

  textsOf(secretName: string): Readonly<Record<string, string>> {
    const secret = this.secrets.get(secretName);
    assert.ok(secret !== undefined, secretName);
    return Object.fromEntries(textsIn(secret));
  }

  mountNew(name: string): string {
    const secretName = `etcd-${name}-tls`;
    const dir = join(root, name, "tls");
    writeSecretDirectory(dir, this.textsOf(secretName));
    this.mounted.set(secretName, this.versionOf(secretName));
    return dir;
  }

  /** Each member has its turn at every third look, so that members differ in what they have. */
  private propagate(): void {
    this.looks += 1;
    names.forEach((name, at) => {
      const secretName = `etcd-${name}-tls`;
      const version = this.versionOf(secretName);
      if (this.looks % 3 !== at || this.mounted.get(secretName) === version) return;
      swapSecret(join(root, name, "tls"), this.textsOf(secretName));
      this.mounted.set(secretName, version);
    });
  }

  private versionOf(secretName: string): string | undefined {
    return this.secrets.get(secretName)?.metadata.resourceVersion;
  }

  private async dialAll(): Promise<ReadonlyMap<string, TlsProof>> {
    const { cluster, members, secrets } = this.observe();
    const proofs = members.map(async ({ member }) => {
      const { name: memberName } = member.metadata;
      const ports = this.ports.get(memberName.replace("etcd-", ""));
      assert.ok(ports !== undefined);
      const target = {
        cluster,
        memberName,
        host: "127.0.0.1",
        serverName: hostOf(member),
        secrets,
        ...ports,
      };
      return [memberName, await this.prover.prove(target, new AbortController().signal)] as const;
    });
    return new Map(await Promise.all(proofs));
  }

  /** Looks and steps until nothing is left to do; returns how often it waited for members. */
  async operate(isApplicationUpToDate: () => boolean): Promise<number> {
    let waits = 0;
    for (let at = 0; at < 600; at += 1) {
      this.proofs = this.certificates?.phase === "Stable" ? new Map() : await this.dialAll();
      const planned = this.plan();
      this.propagate();
      if (planned.kind === "done") return waits;
      if (planned.kind === "step") {
        await this.carryOut(planned.step);
        continue;
      }
      assert.equal(
        planned.kind === "wait" && planned.reason,
        "CertificatesSpreading",
        JSON.stringify(planned),
      );
      waits += 1;
      // The application's time passes as soon as it has what is new.
      if (
        planned.kind === "wait" &&
        planned.message.startsWith("applications") &&
        isApplicationUpToDate()
      )
        this.nowMs += 181_000;
      await sleep(100);
    }
    throw new Error("the change has no end");
  }
}

async function start(story: Story): Promise<void> {
  for (const name of names)
    story.ports.set(name, { clientPort: await freePort(), peerPort: await freePort() });
  const { cluster, members } = story.observe();
  const urlOf = (name: string): string => {
    const found = members.find(({ member }) => member.metadata.name === `etcd-${name}`);
    return `https://${found === undefined ? "" : hostOf(found.member)}:${story.ports.get(name)?.peerPort ?? 0}`;
  };
  const initialCluster = names.map((name) => `etcd-${name}=${urlOf(name)}`).join();
  const command = ourServer();
  assert.ok(command !== undefined);
  const dir = (name: string): string => join(root, name);
  const app = join(root, "app");
  writeSecretDirectory(app, story.textsOf("etcd-client-app-tls"));
  for (const name of names) {
    mkdirSync(dir(name), { recursive: true });
    const tls = story.mountNew(name);
    const files = (side: string): ServerTls => ({
      ca: join(tls, "ca.crt"),
      cert: join(tls, `${side}.crt`),
      key: join(tls, `${side}.key`),
      clientCert: join(app, "tls.crt"),
      clientKey: join(app, "tls.key"),
    });
    const ports = story.ports.get(name) as Ports;
    running.push(
      new ServerProcess({
        command,
        name: `etcd-${name}`,
        dataDirectory: join(dir(name), "data"),
        logFile: join(dir(name), "log"),
        ...ports,
        initialCluster,
        tls: files("server"),
        peerTls: files("peer"),
        flags: [
          `--initial-advertise-peer-urls=${urlOf(name)}`,
          `--peer-cert-allowed-cn=${peerCommonNameOf(cluster)}`,
        ],
        environment: {
          NODE_OPTIONS: `--import ${import.meta.resolve("../../../operator/model-tls/loopback-names.ts")}`,
        },
      }),
    );
  }
  await Promise.all(running.map((server) => server.ready()));
}

/** Puts and gets without a pause; connects anew all the time, with what it has taken up of its Secret. */
class Load {
  requests = 0;
  readonly failures: string[] = [];
  private readonly story: Story;
  private files: Readonly<Record<string, string>>;
  private isOver = false;
  private readonly work: Promise<void>;

  constructor(story: Story) {
    this.story = story;
    this.files = story.textsOf("etcd-client-app-tls");
    this.work = this.run();
  }

  isUpToDate(): boolean {
    return (
      this.files["tls.crt"] === this.story.textsOf("etcd-client-app-tls")["tls.crt"] &&
      this.files["ca.crt"] === this.story.textsOf("etcd-client-app-tls")["ca.crt"]
    );
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.work;
  }

  private async run(): Promise<void> {
    for (let at = 0; !this.isOver; at += 1) {
      const client = clientOf(this.story, names[at % names.length] as string, this.files);
      for (let call = 0; call < 20; call += 1) await this.request(client, `${at}/${call}`);
      client.close();
      if (at % 5 === 4) this.files = this.story.textsOf("etcd-client-app-tls");
    }
  }

  private async request(client: Client, key: string): Promise<void> {
    this.requests += 1;
    try {
      await client.put(key, "value");
    } catch (error) {
      this.failures.push(String(error));
    }
  }
}

function clientOf(story: Story, name: string, files: Readonly<Record<string, string>>): Client {
  const bytes = (key: string): Buffer => Buffer.from(files[key] ?? "");
  const tls = { ca: bytes("ca.crt"), cert: bytes("tls.crt"), key: bytes("tls.key") };
  return new Client({
    endpoints: [`https://127.0.0.1:${story.ports.get(name)?.clientPort ?? 0}`],
    tls,
    deadlineMs: 10_000,
  });
}

async function termsOf(story: Story): Promise<readonly string[]> {
  return Promise.all(
    names.map(async (name) => {
      const client = clientOf(story, name, story.textsOf("etcd-operator-tls"));
      const { raftTerm, leader } = await client.status();
      client.close();
      return `term ${String(raftTerm)}, leader ${String(leader)}`;
    }),
  );
}

/** Members follow their files within a second of the change, also of the last one. */
async function untilRefused(request: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; tries < 50; tries += 1) {
    try {
      await request();
    } catch {
      return;
    }
    await sleep(200);
  }
  assert.fail("the certificate of the old CA is still taken");
}

test("all leaves, and then the CA, are changed under load: no restart, no election, no failed request", {
  timeout: 240_000,
}, async (context) => {
  const story = new Story();
  assert.equal((await story.settle()).at(-1), "done");
  await start(story);
  const terms = await termsOf(story);
  const load = new Load(story);
  const isUpToDate = (): boolean => load.isUpToDate();

  const before = story.textsOf("etcd-a-tls")["peer.crt"];
  story.annotations = { "etcd-ts.dev/rotate": "leaves-1" };
  await story.operate(isUpToDate);
  assert.notEqual(story.textsOf("etcd-a-tls")["peer.crt"], before);

  const ca = story.certificates?.caFingerprint;
  const oldFiles = story.textsOf("etcd-client-app-tls");
  story.annotations = { "etcd-ts.dev/rotate": "ca-1" };
  const waits = await story.operate(isUpToDate);
  assert.notEqual(story.certificates?.caFingerprint, ca);
  assert.equal(story.certificates?.phase, "Stable");

  await load.stop();
  context.diagnostic(`${load.requests} requests, ${waits} looks at which members were waited for`);
  assert.deepEqual(load.failures, []);
  assert.ok(load.requests > 100);
  assert.deepEqual(await termsOf(story), terms);
  const outdatedFiles = {
    ...oldFiles,
    "ca.crt": story.textsOf("etcd-client-app-tls")["ca.crt"] ?? "",
  };
  await untilRefused(async () => {
    const outdated = clientOf(story, "a", outdatedFiles);
    try {
      await outdated.put("key", "value", { deadlineMs: 2_000 });
    } finally {
      outdated.close();
    }
  });
  assert.deepEqual(
    running.map(({ end }) => end),
    [undefined, undefined, undefined],
  );
});
