/**
 * The members and the version of the cluster, as applied so far. Every change comes from an applied raft entry and goes to the
 * backend in the same batch (etcd membership/cluster.go and its buckets `members`, `cluster`).
 */
import type { Backend } from "../backend/backend.ts";
import { fromText, toText } from "../lib/bytes.ts";
import { idToHex, type MemberId } from "../lib/units.ts";
import type { ConfState } from "../raft/types.ts";
import { type Member, memberFromJson, memberToJson } from "./member.ts";

const clusterVersionKey = fromText("clusterVersion");
const confStateKey = fromText("confState");

/** As etcd keeps it beside the data it belongs to (schema/confstate.go): ids as numbers of 64 bits, empty lists left out. */
function confStateToJson(state: ConfState): string {
  const lists = [
    ["voters", state.voters],
    ["learners", state.learners],
    ["voters_outgoing", state.votersOutgoing],
    ["learners_next", state.learnersNext],
  ] as const;
  const fields = lists
    .filter(([, ids]) => ids.length > 0)
    .map(([name, ids]) => `"${name}":[${ids.join(",")}]`);
  return `{${[...fields, `"auto_leave":${state.autoLeave}`].join(",")}}`;
}

export class Cluster {
  private readonly backend: Backend;
  private readonly byId = new Map<MemberId, Member>();
  private clusterVersion: string | undefined;

  /** Reads what the backend holds. */
  constructor(backend: Backend) {
    this.backend = backend;
    for (const { value } of backend.entries("members")) {
      const member = memberFromJson(value);
      this.byId.set(member.id, member);
    }
    const version = backend.get("cluster", clusterVersionKey);
    this.clusterVersion = version === undefined ? undefined : toText(version);
  }

  /** Ascending by id, as etcd lists them. */
  get members(): readonly Member[] {
    return [...this.byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** The configuration that raft decides by. */
  get confState(): ConfState {
    const ids = (isLearner: boolean): readonly MemberId[] =>
      this.members.filter((member) => member.isLearner === isLearner).map((member) => member.id);
    return {
      voters: ids(false),
      learners: ids(true),
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
  }

  member(id: MemberId): Member | undefined {
    return this.byId.get(id);
  }

  /** "major.minor.0", or undefined until the leader has decided it. */
  get version(): string | undefined {
    return this.clusterVersion;
  }

  addMember(member: Member): void {
    this.save(member);
  }

  /** What a member publishes of itself after its start. An unknown id is ignored: it was removed meanwhile. */
  updateAttributes(id: MemberId, attributes: Pick<Member, "name" | "clientUrls">): void {
    const member = this.byId.get(id);
    if (member !== undefined) this.save({ ...member, ...attributes });
  }

  setVersion(version: string): void {
    this.clusterVersion = version;
    this.backend.put("cluster", clusterVersionKey, fromText(version));
  }

  private save(member: Member): void {
    this.byId.set(member.id, member);
    this.backend.put("members", fromText(idToHex(member.id)), fromText(memberToJson(member)));
    this.backend.put("meta", confStateKey, fromText(confStateToJson(this.confState)));
  }
}
