/** Names, addresses and flags of the members that `npm run dev` starts: those of etcd's Procfile, on 127.0.0.1. */
import { join } from "node:path";

/** The sixth one's ports are the last below 65,536. */
export const membersMax = 6;

export interface DevMember {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

/** infra1 on 2379 and 2380, infra2 on 22379 and 22380, infra3 on 32379 and 32380, and so on. */
export function devMembers(count: number): readonly DevMember[] {
  return Array.from({ length: count }, (_, at) => {
    const offset = at === 0 ? 0 : (at + 1) * 10_000;
    return { name: `infra${at + 1}`, clientPort: offset + 2379, peerPort: offset + 2380 };
  });
}

const urlOf = (port: number): string => `http://127.0.0.1:${port}`;

/** As --endpoints has them. */
export const endpointsOf = (members: readonly DevMember[]): string =>
  members.map(({ clientPort }) => `127.0.0.1:${clientPort}`).join();

/** `flags` stand last, so that they count where both say something. */
export function flagsOf(
  member: DevMember,
  all: readonly DevMember[],
  { dataDir, flags }: { readonly dataDir: string; readonly flags: readonly string[] },
): string[] {
  const clientUrl = urlOf(member.clientPort);
  const peerUrl = urlOf(member.peerPort);
  return [
    `--name=${member.name}`,
    `--data-dir=${join(dataDir, member.name)}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    "--initial-cluster-token=etcd-cluster-1",
    `--initial-cluster=${all.map(({ name, peerPort }) => `${name}=${urlOf(peerPort)}`).join()}`,
    "--initial-cluster-state=new",
    ...flags,
  ];
}
