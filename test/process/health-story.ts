/**
 * The life of two members as probes see it: alone, with a learner, with alarms, without a quorum, and started again without one. Told once by
 * real etcds and once by ours; each chapter is what was asked and what was answered.
 */
import { mkdirSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { alarmAction, alarmType } from "../../node/proto/alarm-codec.ts";
import { Writer } from "../../node/proto/wire.ts";
import { Admin } from "../cluster/admin.ts";
import { until } from "../cluster/until.ts";
import { RawClient } from "../conformance/raw-client.ts";
import {
  freePort,
  type ServerCommand,
  type ServerOptions,
  ServerProcess,
} from "../support/server-process.ts";

export interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** "where: method path" ▸ answer. */
export type Chapter = ReadonlyMap<string, Answer>;

/** Headers whose value a client may act on. */
const comparedHeaders = [
  "content-type",
  "content-length",
  "allow",
  "x-content-type-options",
  "access-control-allow-origin",
  "access-control-allow-methods",
  "access-control-allow-headers",
];

export function ask(address: string, method: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const [host, port] = address.split(":");
    const call = request({ host, port, method, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("end", () => {
        const headers = Object.fromEntries(
          comparedHeaders.map((name) => [name, response.headers[name]?.toString()]),
        );
        const body = inOrder(Buffer.concat(chunks).toString());
        resolve({ status: response.statusCode, headers, body });
      });
    });
    call.once("error", reject);
    call.end();
  });
}

/** etcd lists the checks in any order. */
function inOrder(body: string): string {
  const lines = body.split("\n");
  const isCheck = (line: string): boolean => /^\[[+-]\]/.test(line);
  return [...lines.filter(isCheck).toSorted(), ...lines.filter((line) => !isCheck(line))].join(
    "\n",
  );
}

const probes = [
  "GET /health",
  "GET /health?serializable=true",
  "GET /health?exclude=NOSPACE",
  "GET /health?exclude=CORRUPT&exclude=NOSPACE",
  "GET /livez",
  "GET /livez?verbose",
  "GET /livez/serializable_read?verbose&exclude=serializable_read",
  "GET /readyz",
  "GET /readyz?verbose",
  "GET /readyz?verbose&exclude=linearizable_read&exclude=nothing&exclude=",
  "GET /readyz/data_corruption",
  "GET /readyz/serializable_read",
  "GET /readyz/linearizable_read",
  "GET /readyz/non_learner",
];

/** Asked once: these have nothing to do with how the member is. */
const oddRequests = [
  ...["/health", "/livez", "/readyz", "/readyz/non_learner", "/version", "/nothing"].flatMap(
    (path) => ["HEAD", "POST", "PUT", "OPTIONS"].map((method) => `${method} ${path}`),
  ),
  "GET /",
  "GET /livez/",
  "GET /livez/linearizable_read",
  "GET /readyz/nothing",
  "GET /readyz?verbose=false",
  "GET /readyz?Verbose",
  "GET /livez?verbose;a",
  "GET /livez?exclude=serializable_read&verbose",
  "GET /health?%zz=%",
  "GET /version",
  "GET /nothing",
];

class StoryMember {
  readonly metricsAddress: string;
  private readonly options: ServerOptions;
  process: ServerProcess;

  constructor(options: ServerOptions, metricsPort: number) {
    this.metricsAddress = `127.0.0.1:${metricsPort}`;
    const flags = [`--listen-metrics-urls=http://${this.metricsAddress}`];
    this.options = { ...options, flags };
    this.process = new ServerProcess(this.options);
  }

  get address(): string {
    return this.process.address;
  }

  get peerUrl(): string {
    return `http://127.0.0.1:${this.options.peerPort}`;
  }

  async restart(): Promise<void> {
    await this.process.stop("SIGKILL");
    this.process = new ServerProcess(this.options);
  }

  /** At both ports, or one. All at the same time: many wait for a quorum. */
  async answers(lines: readonly string[], ports = ["client", "metrics"]): Promise<Chapter> {
    const asked = ports.flatMap((port) => lines.map((line) => ({ port, line })));
    const answers = await Promise.all(
      asked.map(({ port, line }) => {
        const [method = "", path = ""] = line.split(" ");
        return ask(port === "client" ? this.address : this.metricsAddress, method, path);
      }),
    );
    return new Map(asked.map(({ port, line }, at) => [`${port}: ${line}`, answers[at] as Answer]));
  }

  async untilHealth(pattern: RegExp): Promise<void> {
    await until(`/health saying ${pattern}`, async () =>
      pattern.test((await ask(this.metricsAddress, "GET", "/health")).body) ? true : undefined,
    );
  }

  async setAlarm(action: number, alarm: number): Promise<void> {
    const writer = new Writer(16);
    writer.numberField(1, action);
    writer.bigintField(2, 7n);
    writer.numberField(3, alarm);
    const client = new RawClient(this.address);
    const { code, text } = await client.unary("/etcdserverpb.Maintenance/Alarm", writer.finish());
    client.close();
    if (code !== 0) throw new Error(text);
  }
}

export interface Story {
  readonly chapters: ReadonlyMap<string, Chapter>;
  /** What /metrics has at the end of the chapter "alone", by port. */
  readonly metrics: { readonly client: string; readonly metrics: string };
  /** In the chapter "started without a quorum". */
  readonly clientPort: "open" | "refused";
}

class Cast {
  readonly members: StoryMember[] = [];
  private readonly command: ServerCommand;
  private readonly directory: string;

  constructor(command: ServerCommand, directory: string) {
    this.command = command;
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  async options(name: string): Promise<ServerOptions> {
    return {
      name,
      command: this.command,
      dataDirectory: join(this.directory, name),
      logFile: join(this.directory, `${name}.log`),
      clientPort: await freePort(),
      peerPort: await freePort(),
    };
  }

  async start(options: ServerOptions): Promise<StoryMember> {
    const member = new StoryMember(options, await freePort());
    this.members.push(member);
    await member.process.ready();
    return member;
  }

  async end(): Promise<void> {
    await Promise.all(this.members.map((member) => member.process.stop("SIGKILL")));
  }
}

export async function tellStory(command: ServerCommand, directory: string): Promise<Story> {
  const chapters = new Map<string, Chapter>();
  const cast = new Cast(command, directory);
  try {
    const first = await cast.start(await cast.options("m1"));
    chapters.set("alone", await first.answers([...probes, ...oddRequests]));
    const metrics = {
      client: (await ask(first.address, "GET", "/metrics")).body,
      metrics: (await ask(first.metricsAddress, "GET", "/metrics")).body,
    };
    await tellAlarms(first, chapters);
    const second = await tellLearner(cast, first, chapters);
    await second.process.stop("SIGKILL");
    await first.untilHealth(/RAFT NO LEADER/);
    chapters.set("without a quorum", await first.answers(probes));
    await first.restart();
    await first.untilHealth(/RAFT NO LEADER/);
    chapters.set("started without a quorum", await first.answers(probes, ["metrics"]));
    return { chapters, metrics, clientPort: await stateOf(first.address) };
  } finally {
    await cast.end();
  }
}

/** A second member that learns, and then votes. */
async function tellLearner(
  cast: Cast,
  first: StoryMember,
  chapters: Map<string, Chapter>,
): Promise<StoryMember> {
  const options = await cast.options("m2");
  const peerUrl = `http://127.0.0.1:${options.peerPort}`;
  const admin = new Admin(first.address);
  const id = await admin.addMember(peerUrl, { isLearner: true });
  const second = await cast.start({
    ...options,
    initialCluster: `m1=${first.peerUrl},m2=${peerUrl}`,
    initialClusterState: "existing",
  });
  chapters.set("learner", await second.answers(probes));
  // Refused until it has caught up.
  await until("the promotion", async () => {
    await admin.promoteMember(id);
    return true;
  });
  await until("a ready voter", async () =>
    (await ask(second.metricsAddress, "GET", "/readyz")).status === 200 ? true : undefined,
  );
  chapters.set("voter", await second.answers(probes));
  return second;
}

function stateOf(address: string): Promise<"open" | "refused"> {
  const [host = "", port] = address.split(":");
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    socket.once("connect", () => resolve("open"));
    socket.once("error", () => resolve("refused"));
    socket.once("connect", () => socket.destroy());
  });
}

async function tellAlarms(member: StoryMember, chapters: Map<string, Chapter>): Promise<void> {
  for (const [name, alarm] of [
    ["NOSPACE", alarmType.noSpace],
    ["CORRUPT", alarmType.corrupt],
  ] as const) {
    await member.setAlarm(alarmAction.activate, alarm);
    chapters.set(`alarm ${name}`, await member.answers(probes));
    await member.setAlarm(alarmAction.deactivate, alarm);
  }
}
