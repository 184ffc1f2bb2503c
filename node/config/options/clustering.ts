/** Options of a cluster: its birth, how its members find each other, what they agree on. */
import { type ClusterId, clusterId } from "../../lib/units.ts";
import { booleanOption, oneOf, option, text, textOption } from "./option.ts";
import { advertisedUrls } from "./urls.ts";

/** As member list and status print it. */
function clusterIdText(value: string): ClusterId | undefined {
  if (value === "") return undefined;
  if (/^[0-9a-f]{1,16}$/.test(value) && !/^0+$/.test(value)) return clusterId(BigInt(`0x${value}`));
  throw new Error('expected a cluster id in lower-case hex, such as "cdf818194e3a8c32"');
}

/** Etcd takes these names, and does the same for each (etcdmain/config.go). */
const v2Stages = ["write-only", "write-only-skip-check", "write-only-drop-data", "gone"] as const;

export const clusteringOptions = {
  "initial-advertise-peer-urls": advertisedUrls({
    default: "http://localhost:2380",
    help: "this member's peer URLs at the cluster's birth",
    emptyHost: (url) =>
      `--initial-advertise-peer-urls "${url}" must be "host:port" (unexpected empty host (${url}))`,
  }),
  "initial-cluster": textOption(
    "NAME=URL,...",
    "the members at the cluster's birth, this one among them; this one alone when not given",
  ),
  "initial-cluster-state": option<"new" | "existing">({
    default: "new",
    parse: oneOf("new", "existing"),
    placeholder: "STATE",
    help: "at this member's first start: new founds the cluster, existing joins the one that runs",
  }),
  "initial-cluster-token": option({
    default: "etcd-cluster",
    parse: text,
    placeholder: "TOKEN",
    help: "keeps clusters with equal URLs apart",
  }),
  "advertise-client-urls": advertisedUrls({
    default: "http://localhost:2379",
    help: "client URLs told to the cluster; needed with --listen-client-urls",
    emptyHost: (url) =>
      `--advertise-client-urls "${url}" must be in the format "host:port", "unix:/path/to/socket" or "unixs:/path/to/socket" (unexpected empty host (${url}))`,
  }),
  "expected-cluster-id": option<ClusterId | undefined>({
    default: undefined,
    parse: clusterIdText,
    placeholder: "HEX",
    defaultText: "",
    help: "the cluster that this member belongs to: it founds and joins no other, whatever its directory holds",
  }),
  "discovery-srv": textOption(
    "DOMAIN",
    "full name of the DNS domain whose SRV records list the members at the cluster's birth",
  ),
  "discovery-srv-name": textOption(
    "NAME",
    "asks for the records of _etcd-server-NAME and _etcd-server-ssl-NAME instead",
  ),
  "strict-reconfig-check": booleanOption(
    true,
    "refuse changes of the members that the cluster's present health would not survive",
  ),
  "pre-vote": booleanOption(
    true,
    "ask before an election, so that a returning member disturbs none",
  ),
  "auto-compaction-retention": option({
    default: "0",
    parse: text,
    placeholder: "LENGTH",
    defaultText: "0, which stands for none",
    help: 'history kept when the leader compacts by itself: "10m", "1" for an hour, or with the mode revision a number of revisions',
  }),
  "auto-compaction-mode": option({
    default: "periodic",
    parse: text,
    placeholder: "MODE",
    help: "what --auto-compaction-retention counts: periodic (time) or revision (revisions)",
  }),
  "v2-deprecation": option<string>({
    default: "write-only",
    parse: oneOf(...v2Stages),
    placeholder: "STAGE",
    help: "taken and ignored, as on etcd",
  }),
};
