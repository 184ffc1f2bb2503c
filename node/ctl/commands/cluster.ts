/** move-leader and alarm. */
import type { Alarm } from "../../client/cluster-results.ts";
import type { Call, Command } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import { parseHexId } from "../go-text.ts";
import { printer } from "../printer/printer.ts";

export const moveLeader: Command = {
  name: "move-leader",
  group: "Cluster maintenance",
  summary: "Moves the leadership to another member",
  usage: "<member id>",
  details: "Moves the leadership to another member. The leader must be one of the endpoints.",
  async run(call) {
    const target = targetOf(call);
    const { endpoints } = call.settings();
    for (const endpoint of endpoints) {
      const session = await call.connect([endpoint]);
      const status = await session.ask((client, options) => client.status(options));
      if (status.header.memberId !== status.leader) continue;
      const header = await session.ask((client, options) => client.moveLeader(target, options));
      printer(call).moveLeader(status.leader, target, header);
      return;
    }
    const message = `no leader endpoint given at [${endpoints.join(" ")}]`;
    throw new CtlError(exitCode.badArguments, message);
  },
};

function targetOf(call: Call): bigint {
  const [argument] = call.args;
  if (argument === undefined || call.args.length > 1)
    throw new CtlError(exitCode.badArguments, "move-leader command needs 1 argument");
  try {
    return parseHexId(argument);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CtlError(exitCode.badArguments, error.message);
  }
}

const list: Command = {
  name: "list",
  summary: "Lists the alarms of all members",
  async run(call) {
    refuseArguments(call, "list");
    const session = await call.connect();
    printer(call).alarms(await session.ask((client, options) => client.alarms(options)));
  },
};

const noHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };

const disarm: Command = {
  name: "disarm",
  summary: "Takes back the alarms of all members",
  async run(call) {
    refuseArguments(call, "disarm");
    const session = await call.connect();
    const { alarms } = await session.ask((client, options) => client.alarms(options));
    const disarmed: Alarm[] = [];
    for (const alarmed of alarms) {
      const result = await session.ask((client, options) => client.disarmAlarm(alarmed, options));
      disarmed.push(...result.alarms);
    }
    // Of several answers there is no one header.
    printer(call).alarms({ header: noHeader, alarms: disarmed });
  },
};

function refuseArguments(call: Call, name: string): void {
  if (call.args.length > 0)
    throw new CtlError(exitCode.badArguments, `alarm ${name} command accepts no arguments`);
}

export const alarm: Command = {
  name: "alarm",
  group: "Cluster maintenance",
  summary: "Lists alarms and takes them back",
  commands: [disarm, list],
};
