/** compaction: to a revision as etcdctl does it, or so that the last revisions stay. */
import type { Call, Command } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import { parseInteger } from "../go-text.ts";
import type { Session } from "../session.ts";

export const compaction: Command = {
  name: "compaction",
  group: "Key-value",
  summary: "Gives up the history before a revision",
  usage: "<revision>",
  details: `Gives up the history before a revision: what a key was at that revision, and later, can still be read.
The argument is that revision itself: "compaction 3" compacts to revision 3, and does not keep the last 3 revisions.
To keep the last N, leave it out and give --keep N: compacts to the current revision less N, and does nothing where there is no more
than that. etcdctl has no such flag.`,
  flags: [
    {
      name: "physical",
      kind: "switch",
      help: "wait until the old revisions are gone from the disk",
    },
    {
      name: "keep",
      kind: "integer",
      help: "keep the last so many revisions, in place of <revision>",
    },
  ],
  async run(call) {
    if (call.flags.isGiven("keep")) return keepLast(call, call.flags.integer("keep"));
    const [argument] = call.args;
    if (argument === undefined || call.args.length > 1)
      throw new CtlError(exitCode.badArguments, "compaction command needs 1 argument");
    const revision = revisionOf(argument);
    await compact(call, await call.connect(), revision);
    call.io.out(`compacted revision ${revision}\n`);
  },
};

const compacted = "etcdserver: mvcc: required revision has been compacted";

async function keepLast(call: Call, count: bigint): Promise<void> {
  if (call.args.length > 0)
    throw new CtlError(exitCode.badArguments, "compaction takes a revision or --keep, not both");
  if (count < 0n)
    throw new CtlError(exitCode.badArguments, "--keep: a number of revisions is no less than 0");
  const session = await call.connect();
  // Any read tells the revision; of a key that nobody has it costs nothing.
  const { header } = await session.ask((client, options) => client.range("\0", options));
  const revision = BigInt(header.revision) - count;
  const nothing = `nothing to compact: the last ${count} revisions before ${header.revision} are all there is\n`;
  if (revision <= 0n) {
    call.io.out(nothing);
    return;
  }
  try {
    await compact(call, session, revision);
  } catch (error) {
    // Nothing was written since it was done before.
    if (!(error instanceof CtlError) || error.message !== compacted) throw error;
    call.io.out(nothing);
    return;
  }
  call.io.out(`compacted revision ${revision}\n`);
}

async function compact(call: Call, session: Session, revision: bigint): Promise<void> {
  const physical = call.flags.isOn("physical");
  await session.ask((client, options) => client.compact(revision, { physical, ...options }));
}

function revisionOf(text: string): bigint {
  try {
    return parseInteger(text, 10);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CtlError(exitCode.error, error.message);
  }
}
