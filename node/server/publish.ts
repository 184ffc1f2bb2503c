/**
 * Tells the cluster, through the log, who this member is and where its clients find it (etcd's publishV3), and waits until the cluster has a
 * version, without which no request is served. Only then may the member serve.
 */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Timers } from "../lib/ports.ts";
import type { MemberId } from "../lib/units.ts";
import type { Member } from "../membership/member.ts";
import { internalRequest } from "../proto/internal-raft-codec.ts";
import { encodeClusterMemberAttrSet } from "../proto/membership-codec.ts";
import type { ClusterVersionMonitor } from "./cluster-version.ts";
import type { Proposer } from "./propose.ts";
import type { ReadWaiter } from "./read-index.ts";

export interface Publisher {
  readonly id: MemberId;
  readonly cluster: {
    readonly version: string | undefined;
    member(id: MemberId): Pick<Member, "name" | "clientUrls"> | undefined;
  };
  propose(field: number, message: Uint8Array, start: number, end: number, proposer: Proposer): void;
  linearizableRead(waiter: ReadWaiter): void;
}

/** Between two attempts: a member that still applies its log, or finds no leader, refuses at once. */
const retryMs = 50;

/**
 * Retries whatever the refusal is, as etcd does, until the member stops: then it rejects. The version is the leader's to decide. The entry may come
 * with the state that a new member is sent: then nobody tells it that it is applied, but there it stands.
 */
export async function publish(
  member: Publisher,
  attributes: { readonly name: string; readonly clientUrls: readonly string[] },
  timers: Timers,
  versions: Pick<ClusterVersionMonitor, "check">,
): Promise<void> {
  const request = encodeClusterMemberAttrSet({ memberId: member.id, ...attributes });
  const isPublished = (): boolean => {
    const { name, clientUrls } = member.cluster.member(member.id) ?? {};
    return name === attributes.name && clientUrls?.join() === attributes.clientUrls.join();
  };
  // What an earlier start has published says nothing of this one.
  const wasPublished = isPublished();
  const looking = timers.every(retryMs, () => {
    if (!wasPublished && isPublished()) found();
  });
  let found = (): void => undefined;
  const propose = ({ done: applied, refused }: Attempt): void => {
    found = applied;
    const field = internalRequest.clusterMemberAttrSet;
    member.propose(field, request, 0, request.length, { applied, refused });
  };
  await untilDone(timers, propose).finally(() => looking.cancel());
  while (!hasVersion(member)) {
    versions.check();
    await untilDone(timers, ({ done, refused }) => {
      member.linearizableRead({ readable: done, refused });
    });
    if (!hasVersion(member)) await pause(timers);
  }
}

const hasVersion = ({ cluster }: Publisher): boolean => cluster.version !== undefined;

interface Attempt {
  readonly done: () => void;
  readonly refused: (error: EtcdErrorKind) => void;
}

async function untilDone(timers: Timers, begin: (attempt: Attempt) => void): Promise<void> {
  for (;;) {
    const refusal = await new Promise<EtcdErrorKind | undefined>((resolve) => {
      begin({ done: () => resolve(undefined), refused: resolve });
    });
    if (refusal === undefined) return;
    if (refusal === "Stopped") throw new Error("the member stopped before it had published itself");
    await pause(timers);
  }
}

const pause = (timers: Timers): Promise<void> =>
  new Promise<void>((resolve) => timers.after(retryMs, resolve));
