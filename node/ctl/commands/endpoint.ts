/** endpoint health, status and hashkv: each endpoint is asked by itself (etcdctl ctlv3/command/ep_command.go). */
import type { Alarm } from "../../client/cluster-results.ts";
import type { Call, Command } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import { durationText } from "../go-text.ts";
import { printer } from "../printer/printer.ts";
import type { EndpointHealth } from "../printer/rows.ts";
import type { Session } from "../session.ts";

/** Those of --endpoints, or with --cluster those that the members tell of. Rejects with CtlError. */
export async function endpointsOf(call: Call): Promise<readonly string[]> {
  // First: --cluster may come from the environment.
  const { endpoints } = call.settings();
  if (!call.flags.isOn("cluster")) return endpoints;
  try {
    const session = await call.connect();
    const { members } = await session.ask((client, options) => client.memberList(options));
    return members.flatMap(({ clientUrls }) => clientUrls);
  } catch (error) {
    const text = textOf(error);
    const message = `failed to fetch endpoints from etcd cluster member list: ${text}`;
    throw new CtlError(exitCode.error, message);
  }
}

/** Of a call that failed. Throws everything else. */
export function textOf(error: unknown): string {
  if (error instanceof CtlError && error.code === exitCode.error) return error.message;
  throw error;
}

interface Answers<Answer> {
  readonly answers: readonly { readonly endpoint: string; readonly answer: Answer }[];
  /** Of the last endpoint that failed. */
  readonly failure: string | undefined;
}

/** One endpoint after the other; failures are told on standard error. */
async function askEach<Answer>(
  call: Call,
  what: string,
  ask: (session: Session) => Promise<Answer>,
): Promise<Answers<Answer>> {
  const answers: { endpoint: string; answer: Answer }[] = [];
  let failure: string | undefined;
  for (const endpoint of await endpointsOf(call)) {
    try {
      answers.push({ endpoint, answer: await ask(await call.connect([endpoint])) });
    } catch (error) {
      failure = textOf(error);
      call.io.err(`Failed to get the ${what} of endpoint ${endpoint} (${failure})\n`);
    }
  }
  return { answers, failure };
}

const status: Command = {
  name: "status",
  summary: "Prints versions, sizes and Raft's positions of every endpoint",
  details: `Prints for every endpoint: endpoint, id, version, storage version, database size and the part of it in use, the percentage that is not,
quota, is leader, is learner, Raft term, Raft index, applied Raft index, errors, target version of a downgrade, is a downgrade on.`,
  async run(call) {
    const { answers, failure } = await askEach(call, "status", (session) =>
      session.ask((client, options) => client.status(options)),
    );
    printer(call).endpointStatus(answers.map((each) => ({ ...each, status: each.answer })));
    if (failure !== undefined) throw new CtlError(exitCode.error, "");
  },
};

const hashkv: Command = {
  name: "hashkv",
  summary: "Prints the hash of every endpoint's history",
  flags: [
    { name: "rev", kind: "integer", help: "of the history up to this revision; all of it at 0" },
  ],
  async run(call) {
    const revision = call.flags.integer("rev");
    const { answers, failure } = await askEach(call, "hash", (session) =>
      session.ask((client, options) => client.hashKv({ revision, ...options })),
    );
    printer(call).endpointHashKv(answers.map((each) => ({ ...each, hash: each.answer })));
    if (failure !== undefined) throw new CtlError(exitCode.error, failure);
  },
};

const health: Command = {
  name: "health",
  summary: "Tells for every endpoint whether it serves",
  details: "Reads a key through every endpoint, which a quorum must agree to, and asks for alarms.",
  async run(call) {
    const endpoints = await endpointsOf(call);
    // Loading the program is not part of the time that it takes.
    await import("../session.ts");
    const list = await Promise.all(endpoints.map((endpoint) => healthOf(call, endpoint)));
    printer(call).endpointHealth(list);
    if (list.some(({ error }) => error !== ""))
      throw new CtlError(exitCode.error, "unhealthy cluster");
  },
};

async function healthOf(call: Call, endpoint: string): Promise<EndpointHealth> {
  const start = process.hrtime.bigint();
  let error = "";
  let session: Session | undefined;
  try {
    session = await call.connect([endpoint]);
    await session.ask((client, options) => client.get("health", options));
  } catch (failure) {
    error = textOf(failure);
    // That it was refused was agreed on as well.
    if (error === "etcdserver: permission denied") error = "";
  }
  const took = durationText(process.hrtime.bigint() - start);
  if (error === "" && session !== undefined) error = await alarmsOf(session);
  return { endpoint, isHealthy: error === "", took, error };
}

async function alarmsOf(session: Session): Promise<string> {
  try {
    const { alarms } = await session.ask((client, options) => client.alarms(options));
    if (alarms.length === 0) return "";
    const names = alarms.map(({ type }) => `${healthAlarmName(type)} `);
    return `Active Alarm(s): ${names.join("")}`;
  } catch (failure) {
    textOf(failure);
    return "Unable to fetch the alarm list";
  }
}

const healthAlarmName = (type: Alarm["type"]): string =>
  type === "nospace" || type === "corrupt" ? type.toUpperCase() : "UNKNOWN";

export const endpoint: Command = {
  name: "endpoint",
  group: "Cluster maintenance",
  summary: "Asks the endpoints themselves: health, status, hashkv",
  flags: [{ name: "cluster", kind: "switch", help: "all endpoints that the members tell of" }],
  commands: [health, status, hashkv],
};
