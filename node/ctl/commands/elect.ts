/** elect: stands for an office, or tells who holds it (etcdctl ctlv3/command/elect_command.go). */
import { header, keyValue } from "../../client/kv-results.ts";
import { campaign, type Office, observe, resign } from "../../concurrency/election.ts";
import type { Call, Command } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import { printer } from "../printer/printer.ts";
import { rawBytes } from "../raw-text.ts";
import { abortOf, openLease, refusalOf } from "./lease-session.ts";

const bad = (message: string): CtlError => new CtlError(exitCode.badArguments, message);
const failed = (message: string): CtlError => new CtlError(exitCode.error, message);

export const elect: Command = {
  name: "elect",
  group: "Concurrency",
  summary: "Stands for an office, or tells who holds it",
  usage: "<name> [proposal]",
  details: `With a proposal: waits for the office with this name, proclaims the proposal, prints it, and resigns at SIGINT or SIGTERM.
With --listen: prints each leader and what it proclaims.`,
  flags: [{ name: "listen", short: "l", kind: "switch", help: "tell who holds the office" }],
  async run(call) {
    const [name, proposal] = call.args;
    if (name === undefined || call.args.length > 2)
      throw bad("elect takes one election name argument and an optional proposal argument");
    const isListener = call.flags.isOn("listen");
    if (proposal === undefined) {
      if (!isListener) throw bad("no proposal argument but -l not set");
      return listen(call, rawBytes(name));
    }
    if (isListener) throw bad("proposal given but -l is set");
    return stand(call, rawBytes(name), rawBytes(proposal));
  },
};

async function listen(call: Call, name: Uint8Array): Promise<void> {
  const interrupted = call.io.interrupted();
  const print = printer(call);
  const session = await call.connect();
  try {
    // etcdctl gives no count.
    for await (const leader of observe(session.keySpace(), name, interrupted))
      print.get({
        header: header(leader.header),
        kvs: [keyValue(leader.kv)],
        more: false,
        count: 0,
      });
  } catch (error) {
    if (interrupted.aborted) return;
    if (error instanceof CtlError) throw error;
    refusalOf(error);
    throw failed("elect: observer lost");
  }
}

async function stand(call: Call, name: Uint8Array, value: Uint8Array): Promise<void> {
  const interrupted = call.io.interrupted();
  const session = await call.connect();
  const held = await openLease(session, 0);
  const { lease, lost } = held;
  const keys = session.keySpace();
  let office: Office | undefined;
  try {
    const signal = AbortSignal.any([interrupted, lost]);
    ({ office } = await campaign(keys, { name, lease, value, signal }));
    const { key } = office;
    const result = await session.askAnew((client, options) => client.range(key, options));
    printer(call).get(result);
    await abortOf(interrupted, lost);
    if (!interrupted.aborted) throw failed("elect: session expired");
    await resign(keys, office);
  } catch (error) {
    if (error instanceof CtlError) throw error;
    if (office === undefined && interrupted.aborted) throw failed("context canceled");
    if (lost.aborted) throw failed("elect: session expired");
    throw refusalOf(error);
  } finally {
    await held.close();
  }
}
