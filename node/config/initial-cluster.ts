/**
 * The members at a cluster's birth: read from --initial-cluster, or found by DNS SRV, and checked as etcd does at a member's first start
 * (embed, PeerURLsMapAndToken; config, VerifyBootstrap and VerifyJoinExisting). A member that has a log never comes here: as on etcd, what these
 * flags say then does not matter, and is not even read.
 */
import type { Clock, Logger, Timers } from "../lib/ports.ts";
import {
  differenceOf,
  parsePeerUrls,
  peerUrlProblem,
  type ResolveHost,
} from "../membership/peer-urls.ts";
import { type DiscoverySrv, discoverBySrv, type Resolver } from "./discovery-srv.ts";

/** Name ▸ peer URLs. */
export type InitialCluster = ReadonlyMap<string, readonly string[]>;

export interface InitialClusterFlags {
  readonly name: string;
  readonly advertisePeerUrls: readonly string[];
  readonly initialCluster: InitialCluster;
  readonly initialClusterState: "new" | "existing";
  readonly discoverySrv: DiscoverySrv | undefined;
}

export interface ResolvingPorts {
  readonly resolver: Resolver;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** How long etcd tries to look up the names of a cluster's URLs, and how long it waits between two tries. */
const resolveWithinMs = 30_000;
const resolveRetryMs = 1000;

/** etcd's NAME=URL pairs; a name may come several times. Nothing is checked: a pair without "=" is a name with an empty URL, as on etcd. */
export function parseInitialCluster(text: string): InitialCluster {
  const urlsByName = new Map<string, string[]>();
  for (const pair of text.split(",").filter((part) => part !== "")) {
    const at = pair.indexOf("=");
    const name = at < 0 ? pair : pair.slice(0, at);
    const urls = urlsByName.get(name) ?? [];
    urls.push(at < 0 ? "" : pair.slice(at + 1).replace(/\/$/, ""));
    urlsByName.set(name, urls);
  }
  return urlsByName;
}

/**
 * The cluster that a member without a log belongs to, its URLs sorted and in etcd's form. Throws an Error, in etcd's words where it has some, when
 * the flags or DNS make none: without this member, with other URLs for it than it advertises, with one URL twice. May take as long as DNS does.
 */
export async function resolveInitialCluster(
  flags: InitialClusterFlags,
  ports: ResolvingPorts,
): Promise<InitialCluster> {
  const { name, discoverySrv } = flags;
  const urlsByName = checkedUrls(
    discoverySrv === undefined
      ? flags.initialCluster
      : await discovered(flags, discoverySrv, ports),
  );
  const own = urlsByName.get(name);
  if (own === undefined) {
    throw discoverySrv === undefined
      ? new Error(`couldn't find local name "${name}" in the initial cluster configuration`)
      : setupError(`cannot find local etcd member "${name}" in SRV records`);
  }
  if (flags.initialClusterState === "new") {
    await checkAdvertised(flags, own, patientResolve(ports));
  }
  const all = [...urlsByName.values()].flat();
  if (new Set(all).size < all.length) {
    throw new Error(`initial cluster ${pairsOf(urlsByName)} has duplicate url`);
  }
  const other = all.find((url) => !/^https?:/.test(url));
  if (other !== undefined) {
    throw setupError(`"${other}": members are reached over http and https only`);
  }
  return urlsByName;
}

/**
 * Looks names up as a member at its start should: its own, and those of others, may appear in DNS a moment after it. Tries again every second, and
 * rejects with the last error when 30 s from this call are over.
 */
export function patientResolve({ resolver, logger, clock, timers }: ResolvingPorts): ResolveHost {
  const untilMs = clock.monotonicMs() + resolveWithinMs;
  return async (host) => {
    for (;;) {
      try {
        return await resolver.lookupHost(host);
      } catch (error) {
        if (clock.monotonicMs() + resolveRetryMs > untilMs) throw error;
        logger.warn("failed to resolve URL Host", {
          host,
          "retry-interval": `${resolveRetryMs}ms`,
          error,
        });
        await new Promise<void>((resume) => timers.after(resolveRetryMs, resume));
      }
    }
  };
}

async function discovered(
  { name, advertisePeerUrls }: InitialClusterFlags,
  discovery: DiscoverySrv,
  { resolver, logger }: ResolvingPorts,
): Promise<InitialCluster> {
  const { pairs, error } = await discoverBySrv({
    discovery,
    name,
    advertisePeerUrls,
    resolver,
    logger,
  });
  if (error !== undefined) logger.warn("failed to resolve during SRV discovery", { error });
  if (pairs.length === 0) throw setupError(error ?? "there are no SRV records");
  for (const node of pairs) logger.info("got bootstrap from DNS for etcd-server", { node });
  return parseInitialCluster(pairs.join());
}

function checkedUrls(initialCluster: InitialCluster): InitialCluster {
  const urlsByName = new Map<string, readonly string[]>();
  for (const [name, texts] of initialCluster) {
    const urls = parsePeerUrls(texts);
    if (urls === undefined) {
      const problem = texts.map(peerUrlProblem).find((found) => found !== undefined) ?? "no URL";
      const hint = texts.includes("") ? `("${name}" is not NAME=URL)` : `(of "${name}")`;
      throw setupError(`${problem.trim()} ${hint}`);
    }
    urlsByName.set(name, urls);
  }
  return urlsByName;
}

/** etcd's ServerConfig.advertiseMatchesCluster. */
async function checkAdvertised(
  { name, advertisePeerUrls }: InitialClusterFlags,
  initial: readonly string[],
  resolve: ResolveHost,
): Promise<void> {
  const advertised = parsePeerUrls(advertisePeerUrls) ?? advertisePeerUrls;
  const difference = await differenceOf(advertised, initial, resolve);
  if (difference === undefined) return;
  const missing = initial.filter((url) => !advertised.includes(url));
  if (missing.length > 0) {
    throw new Error(
      `--initial-cluster has ${missing.map((url) => `${name}=${url}`).join()} but missing from ` +
        `--initial-advertise-peer-urls=${advertised.join()} (${difference})`,
    );
  }
  const extra = advertised.filter((url) => !initial.includes(url));
  const initialText = pairsOf(new Map([[name, initial]]));
  throw new Error(
    extra.length > 0
      ? `--initial-advertise-peer-urls has ${extra.join()} but missing from --initial-cluster=${initialText}`
      : `failed to resolve ${advertised.join()} to match --initial-cluster=${initialText} (${difference})`,
  );
}

const setupError = (why: string): Error => new Error(`error setting up initial cluster: ${why}`);

/** As etcd prints such a map. */
function pairsOf(urlsByName: InitialCluster): string {
  const pairs = [...urlsByName].flatMap(([name, urls]) => urls.map((url) => `${name}=${url}`));
  return pairs.sort().join();
}
