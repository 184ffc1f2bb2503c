/** lease grant, revoke, timetolive, list and keep-alive (etcdctl ctlv3/command/lease_command.go). */
import type { Call, Command } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import { parseInteger } from "../go-text.ts";
import { printer } from "../printer/printer.ts";
import { leaseText } from "../printer/rows.ts";

/** The only argument. Throws CtlError with `complaint`. */
function onlyArgument({ args }: Call, complaint: string): string {
  const [argument] = args;
  if (argument === undefined || args.length > 1)
    throw new CtlError(exitCode.badArguments, complaint);
  return argument;
}

/** Throws CtlError. */
function readInteger(text: string, base: 10 | 16, complaint: (why: string) => string): bigint {
  try {
    return parseInteger(text, base);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CtlError(exitCode.badArguments, complaint(error.message));
  }
}

const leaseArgument = (call: Call, complaint: string): bigint =>
  readInteger(
    onlyArgument(call, complaint),
    16,
    (why) => `bad lease ID arg (${why}), expecting ID in Hex`,
  );

/** Gives a failed call etcdctl's exit code and words. */
async function failingWith<Result>(
  code: number,
  words: (text: string) => string,
  call: () => Promise<Result>,
): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof CtlError && error.code === exitCode.error)
      throw new CtlError(code, words(error.message));
    throw error;
  }
}

const plain = (text: string): string => text;

const grant: Command = {
  name: "grant",
  summary: "Creates a lease",
  usage: "<ttl>",
  details: "Creates a lease that ends after so many seconds, unless it is kept alive.",
  async run(call) {
    const ttl = onlyArgument(call, "lease grant command needs TTL argument");
    const seconds = readInteger(ttl, 10, (why) => `bad TTL (${why})`);
    // Beyond what a number holds exactly the server's bounds are the same.
    const { MIN_SAFE_INTEGER, MAX_SAFE_INTEGER } = Number;
    const granted = Math.min(Math.max(Number(seconds), MIN_SAFE_INTEGER), MAX_SAFE_INTEGER);
    call.settings();
    const result = await failingWith(
      exitCode.error,
      (text) => `failed to grant lease (${text})`,
      async () => {
        const session = await call.connect();
        return session.ask((client, options) => client.leaseGrant(granted, options));
      },
    );
    printer(call).leaseGrant(result);
  },
};

const revoke: Command = {
  name: "revoke",
  summary: "Ends a lease and deletes its keys",
  usage: "<lease id>",
  async run(call) {
    const id = leaseArgument(call, "lease revoke command needs 1 argument");
    call.settings();
    const header = await failingWith(
      exitCode.error,
      (text) => `failed to revoke lease (${text})`,
      async () => {
        const session = await call.connect();
        return session.ask((client, options) => client.leaseRevoke(id, options));
      },
    );
    printer(call).leaseRevoke(id, header);
  },
};

const timetolive: Command = {
  name: "timetolive",
  summary: "Tells how long a lease has left, and its keys",
  usage: "<lease id>",
  flags: [{ name: "keys", kind: "switch", help: "the keys that hang on it, too" }],
  async run(call) {
    const id = leaseArgument(call, "lease timetolive command needs lease ID as argument");
    const keys = call.flags.isOn("keys");
    call.settings();
    const result = await failingWith(exitCode.badConnection, plain, async () => {
      const session = await call.connect();
      return session.ask((client, options) => client.leaseTimeToLive(id, { keys, ...options }));
    });
    printer(call).leaseTimes(result, keys);
  },
};

const list: Command = {
  name: "list",
  summary: "Lists all leases",
  async run(call) {
    call.settings();
    const result = await failingWith(exitCode.badConnection, plain, async () => {
      const session = await call.connect();
      return session.ask((client, options) => client.leases(options));
    });
    printer(call).leases(result);
  },
};

const keepAlive: Command = {
  name: "keep-alive",
  summary: "Renews a lease again and again",
  usage: "<lease id>",
  details: "Renews a lease whenever a third of its time is over, until it is revoked.",
  flags: [{ name: "once", kind: "switch", help: "renew it one time" }],
  async run(call) {
    const id = leaseArgument(call, "lease keep-alive command needs lease ID as argument");
    const print = printer(call);
    const session = await call.open();
    if (call.flags.isOn("once")) {
      const renewal = await failingWith(exitCode.badConnection, plain, () =>
        session.during((client) => client.leaseKeepAliveOnce(id)),
      );
      print.leaseRenewal(renewal);
      return;
    }
    const keeper = session.client.leaseKeepAlive(id);
    try {
      await failingWith(exitCode.badConnection, plain, () =>
        session.during(async () => {
          for await (const renewal of keeper) print.leaseRenewal(renewal);
        }),
      );
    } finally {
      keeper.stop();
    }
    if (call.settings().format === "simple")
      call.io.out(`lease ${leaseText(id)} expired or revoked.\n`);
  },
};

export const lease: Command = {
  name: "lease",
  group: "Key-value",
  summary: "Grants, renews, revokes and lists leases",
  commands: [grant, keepAlive, list, revoke, timetolive],
};
