/** member list, add, remove, update and promote (etcdctl ctlv3/command/member_command.go). */
import type { Call, Command, Flag } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import { parseHexId, quote } from "../go-text.ts";
import { printer } from "../printer/printer.ts";
import { isSerializable } from "./get.ts";

const list: Command = {
  name: "list",
  summary: "Lists all members",
  details: "Prints for every member: id, status, name, peer URLs, client URLs, is learner.",
  flags: [
    {
      name: "consistency",
      kind: "text",
      standard: "l",
      help: "l: linearizable, s: serializable (what the member knows, without asking the others)",
    },
  ],
  async run(call) {
    const linearizable = !isSerializable(call.flags.text("consistency"));
    const session = await call.connect();
    printer(call).memberList(
      await session.ask((client, options) => client.memberList({ linearizable, ...options })),
    );
  },
};

const peerUrlsFlag: Flag = {
  name: "peer-urls",
  kind: "text",
  help: "URLs that the other members reach it by, separated by commas",
};

const add: Command = {
  name: "add",
  summary: "Adds a member",
  usage: "<name>",
  details: "Adds a member, and prints the environment that its etcd starts with.",
  flags: [
    peerUrlsFlag,
    { name: "learner", kind: "switch", help: "as a learner, which has no vote" },
  ],
  async run(call) {
    const [name] = call.args;
    if (name === undefined) throw badArguments("member name not provided");
    if (call.args.length > 1) {
      const urls = call.args.filter((word) => word.toLowerCase().startsWith("http"));
      const hints = urls.map((url) => `, did you mean --peer-urls=${url}`);
      throw badArguments(`too many arguments${hints.join("")}`);
    }
    const text = call.flags.text("peer-urls");
    const peerUrls = peerUrlsOf(text);
    const session = await call.connect();
    refuseUrls(peerUrls);
    const isLearner = call.flags.isOn("learner");
    const result = await session.ask((client, options) =>
      client.memberAdd(peerUrls, { isLearner, ...options }),
    );
    printer(call).memberAdd(result);
    if (call.settings().format !== "simple") return;
    const initialCluster = result.members.flatMap((member) =>
      member.peerUrls.map((url) => `${member.id === result.member.id ? name : member.name}=${url}`),
    );
    call.io.out(
      `\nETCD_NAME=${quote(name)}\nETCD_INITIAL_CLUSTER=${quote(initialCluster.join(","))}\nETCD_INITIAL_ADVERTISE_PEER_URLS=${quote(text)}\nETCD_INITIAL_CLUSTER_STATE="existing"\n`,
    );
  },
};

const remove: Command = {
  name: "remove",
  summary: "Removes a member",
  usage: "<member id>",
  async run(call) {
    const id = memberId(call);
    const session = await call.connect();
    const result = await session.ask((client, options) => client.memberRemove(id, options));
    printer(call).memberChange("removed from", id, result);
  },
};

const update: Command = {
  name: "update",
  summary: "Gives a member other peer URLs",
  usage: "<member id>",
  flags: [peerUrlsFlag],
  async run(call) {
    const id = memberId(call);
    const peerUrls = peerUrlsOf(call.flags.text("peer-urls"));
    const session = await call.connect();
    refuseUrls(peerUrls);
    const result = await session.ask((client, options) =>
      client.memberUpdate(id, peerUrls, options),
    );
    printer(call).memberChange("updated in", id, result);
  },
};

const promote: Command = {
  name: "promote",
  summary: "Makes a learner a voter",
  usage: "<member id>",
  async run(call) {
    const id = memberId(call);
    const session = await call.connect();
    const result = await session.ask((client, options) => client.memberPromote(id, options));
    printer(call).memberChange("promoted in", id, result);
  },
};

const badArguments = (message: string): CtlError => new CtlError(exitCode.badArguments, message);

/** Throws CtlError. */
function memberId(call: Call): bigint {
  const [argument] = call.args;
  if (argument === undefined || call.args.length > 1)
    throw badArguments("member ID is not provided");
  try {
    return parseHexId(argument);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw badArguments(`bad member ID arg (${error.message}), expecting ID in Hex`);
  }
}

/** Throws CtlError. */
function peerUrlsOf(text: string): readonly string[] {
  if (text === "") throw badArguments("member peer urls not provided");
  return text.split(",");
}

/** What no etcd could dial, with the texts of its client (client/pkg/types/urls.go). Throws CtlError. */
function refuseUrls(urls: readonly string[]): void {
  for (const url of urls.map((each) => each.trim())) {
    const [, scheme, host = "", path] = /^([a-z]+):\/\/([^/?#]*)([^?#]*)/.exec(url) ?? [];
    if (scheme === "unix" || scheme === "unixs") continue;
    if (scheme !== "http" && scheme !== "https")
      throw new CtlError(exitCode.error, `URL scheme must be http, https, unix, or unixs: ${url}`);
    if (!/^(\[[^\]]*\]|[^:]*):[^:]*$/.test(host))
      throw new CtlError(exitCode.error, `URL address does not have the form "host:port": ${url}`);
    if (path !== "") throw new CtlError(exitCode.error, `URL must not contain a path: ${url}`);
  }
}

export const member: Command = {
  name: "member",
  group: "Cluster maintenance",
  summary: "Lists, adds, removes, updates and promotes members",
  commands: [add, list, promote, remove, update],
};
