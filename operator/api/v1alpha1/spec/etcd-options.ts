/** spec.etcd: options of the server itself. Each change rolls the members one by one. */
import { Type } from "typebox";
import { choice, group, integer, map, type Rule, text } from "../schema/fields.ts";
import { fieldFlags, groupFlags, operatorFlagPrefixes, operatorFlags } from "./reserved-flags.ts";

const celList = (texts: readonly string[]): string =>
  `[${texts.map((each) => `'${each}'`).join(", ")}]`;

/** CEL that is true of flag `k` when the operator owns it. */
const isOperators = [
  `k in ${celList([...operatorFlags, ...Object.values(groupFlags).flat()])}`,
  ...operatorFlagPrefixes.map((prefix) => `k.startsWith('${prefix}')`),
].join(" || ");

const fieldOf = `{${Object.entries(fieldFlags)
  .map(([flag, field]) => `'${flag}': '${field}'`)
  .join(", ")}}`;

const flagPattern = "k.matches('^[a-z][a-z0-9]*(-[a-z0-9]+)*$')";

const flagRules: readonly Rule[] = [
  {
    rule: `self.all(k, ${flagPattern})`,
    message: "must hold names of flags without leading dashes, in lower case",
    messageExpression: `"write the name of a flag without leading dashes, in lower case, and its value behind it, in place of \\"" + self.filter(k, !${flagPattern})[0] + "\\""`,
  },
  {
    rule: `self.all(k, !(${isOperators}))`,
    message: "must not hold flags that the operator sets: remove them",
    messageExpression: `"flag " + self.filter(k, ${isOperators})[0] + " is set by the operator: remove it"`,
  },
  {
    rule: `self.all(k, !(k in ${celList(Object.keys(fieldFlags))}))`,
    message: "must not hold flags that have a field of their own: set that field",
    messageExpression: `"flag " + self.filter(k, k in ${fieldOf})[0] + " has a field of its own: set " + ${fieldOf}[self.filter(k, k in ${fieldOf})[0]] + " in its place"`,
  },
];

const autoCompaction = group(
  "Compaction of old revisions by the members themselves. Beside it, maintenance.compaction is refused.",
  {
    mode: choice(
      ["Periodic", "Revision"],
      "Whether the retention is a time or a number of revisions.",
      {
        default: "Periodic",
      },
    ),
    retentionMinutes: Type.Optional(
      integer("With mode Periodic: revisions older than this are compacted, in minutes.", {
        minimum: 1,
        maximum: 525600,
      }),
    ),
    retentionRevisions: Type.Optional(
      integer("With mode Revision: so many revisions are kept.", {
        minimum: 1,
        maximum: 1_000_000_000,
        format: "int64",
      }),
    ),
  },
  {
    rules: [
      {
        rule: "has(self.retentionMinutes) == (self.mode == 'Periodic') && has(self.retentionRevisions) == (self.mode == 'Revision')",
        message:
          "set retentionMinutes with mode Periodic, retentionRevisions with mode Revision, and not the other one",
      },
    ],
  },
);

export const etcdOptions = group(
  "Options of the etcd server. A change rolls the members one by one.",
  {
    quotaBackendBytes: Type.Optional(
      integer(
        "Size of the database from which on writes are refused (alarm NOSPACE), in bytes. At most 80 % of spec.storage.size, because log, snapshots and defragmentation need room too. Default: that of etcd, 2 GiB.",
        { minimum: 1_048_576, maximum: 1_099_511_627_776, format: "int64" },
      ),
    ),
    snapshotCount: Type.Optional(
      integer("Applied entries between two snapshots. Default: that of etcd, 10000.", {
        minimum: 1,
        maximum: 1_000_000_000,
        format: "int64",
      }),
    ),
    heartbeatIntervalMs: Type.Optional(
      integer("Time between two heartbeats of the leader, in milliseconds. Default 100.", {
        minimum: 1,
        maximum: 10_000,
      }),
    ),
    electionTimeoutMs: Type.Optional(
      integer(
        "Time without a heartbeat after which a member starts an election, in milliseconds: at least five heartbeats. Default 1000.",
        { minimum: 5, maximum: 50_000 },
      ),
    ),
    logLevel: Type.Optional(
      choice(
        ["debug", "info", "warn", "error"],
        "From which level on messages are logged. Default: that of etcd, info.",
      ),
    ),
    extraArgs: Type.Optional(
      map(
        'Further flags of the server, without leading dashes, and their values ("max-request-bytes": "3145728"). Flags that the operator or another field sets are refused.',
        text("Value of the flag.", { maxLength: 1024 }),
        { maxProperties: 32, rules: flagRules },
      ),
    ),
    autoCompaction: Type.Optional(autoCompaction),
    metrics: Type.Optional(
      choice(
        ["Basic", "Extensive"],
        "How many metrics the members have. Extensive adds histograms of gRPC calls. Default: Basic.",
      ),
    ),
  },
  {
    default: {},
    rules: [
      {
        rule: "(has(self.electionTimeoutMs) ? self.electionTimeoutMs : 1000) >= 5 * (has(self.heartbeatIntervalMs) ? self.heartbeatIntervalMs : 100)",
        fieldPath: ".electionTimeoutMs",
        message:
          "electionTimeoutMs (default 1000) must be at least 5 times heartbeatIntervalMs (default 100): raise the one or lower the other",
      },
    ],
  },
);
