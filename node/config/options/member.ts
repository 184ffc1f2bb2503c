/** Options of one member: its place, its listeners, its storage, its limits. */
import { type FeatureGates, parseFeatureGates } from "../feature-gates.ts";
import {
  booleanOption,
  durationOption,
  integer,
  integerOption,
  option,
  orDefault,
  text,
  textOption,
} from "./option.ts";
import { listenUrls } from "./urls.ts";

export const memberOptions = {
  name: option({
    default: "default",
    parse: text,
    placeholder: "NAME",
    help: "human-readable name of this member",
  }),
  "config-file": textOption(
    "FILE",
    "YAML file of all options by their names; all other flags and variables are ignored then",
  ),
  "data-dir": textOption("DIR", "directory of all data; NAME.etcd when not given"),
  "wal-dir": textOption("DIR", "directory of the log, if not in the data directory"),
  "snapshot-count": integerOption({
    default: 10_000,
    parse: orDefault(10_000, integer({ min: 0 })),
    help: "applied entries between two marks that let old log files go; 0 for the default",
  }),
  "heartbeat-interval": integerOption({
    default: 100,
    placeholder: "MS",
    help: "length of a tick in milliseconds",
  }),
  "election-timeout": integerOption({
    default: 1000,
    placeholder: "MS",
    help: "milliseconds without a leader before an election",
  }),
  "initial-election-tick-advance": booleanOption(
    true,
    "count most of the first election timeout as over at the start",
  ),
  "listen-peer-urls": listenUrls(["http://localhost:2380"], "where other members are served"),
  "listen-client-urls": listenUrls(
    ["http://localhost:2379"],
    "where clients are served: gRPC, and HTTP unless --listen-client-http-urls has it",
  ),
  "listen-client-http-urls": listenUrls(
    [],
    "where HTTP is served to clients; --listen-client-urls serves gRPC only then",
  ),
  "max-snapshots": integerOption({ default: 5, help: "snap files kept; 0 keeps all" }),
  "max-wals": integerOption({ default: 5, help: "log files kept at least; 0 keeps all" }),
  "quota-backend-bytes": integerOption({
    default: 0,
    parse: integer({ min: Number.MIN_SAFE_INTEGER }),
    placeholder: "BYTES",
    defaultText: "0, which stands for 2147483648",
    help: "stored bytes at which writes are refused; negative for no limit",
  }),
  "backend-batch-interval": durationOption({
    default: 100,
    defaultText: "100ms",
    help: "longest time between two commits of the backend",
  }),
  "backend-batch-limit": integerOption({
    default: 10_000,
    help: "operations that bring a commit of the backend about",
  }),
  "max-txn-ops": integerOption({
    default: 128,
    parse: integer({ min: 1 }),
    help: "operations allowed in a transaction",
  }),
  "max-request-bytes": integerOption({
    default: 1_572_864,
    parse: integer({ min: 1, max: 512 * 1024 ** 2 }),
    placeholder: "BYTES",
    help: "largest request accepted",
  }),
  "max-concurrent-streams": integerOption({
    default: 4_294_967_295,
    parse: integer({ min: 1, max: 4_294_967_295 }),
    help: "calls under way on one connection",
  }),
  "grpc-keepalive-min-time": durationOption({
    default: 5000,
    defaultText: "5s",
    help: "least time between two pings of a client",
  }),
  "grpc-keepalive-interval": durationOption({
    default: 7_200_000,
    defaultText: "2h",
    help: "silence of a client after which it is pinged",
  }),
  "grpc-keepalive-timeout": durationOption({
    default: 20_000,
    defaultText: "20s",
    help: "time a pinged client has before it is cut off",
  }),
  "raft-read-timeout": durationOption({
    default: 5000,
    defaultText: "5s",
    help: "silence after which a connection of another member is given up; at least 5s",
  }),
  "raft-write-timeout": durationOption({
    default: 5000,
    defaultText: "5s",
    help: "time another member has to take what is sent to it; at least 5s",
  }),
  "feature-gates": option<FeatureGates>({
    default: parseFeatureGates(""),
    parse: parseFeatureGates,
    placeholder: "NAME=BOOL,...",
    defaultText: "all as on etcd",
    help: "switches by etcd's names; served: LeaseCheckpoint, StopGRPCServiceOnDefrag",
  }),
};
