/** What the operator learns from etcd: from members that answer, are silent, learn or have no quorum; and which connections it keeps. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ClientError } from "../../../../node/client/client-error.ts";
import type { MemberList, Status } from "../../../../node/client/cluster-results.ts";
import { EtcdClient, type EtcdConnection } from "../../../../operator/controller/etcd-client.ts";
import { OneMember } from "../../../support/one-member.ts";
import { needs, peer } from "../../../support/peers.ts";

const header = { clusterId: 0xc1n, memberId: 0xa1n, revision: 1, raftTerm: 2 };
const signal = new AbortController().signal;

function statusOf(fields: Partial<Status> = {}): Status {
  return {
    header,
    version: "3.7.1",
    dbSizeBytes: 20_480,
    dbSizeInUseBytes: 16_384,
    dbSizeQuotaBytes: 0,
    leader: 0xa1n,
    raftIndex: 5,
    raftTerm: 2,
    raftAppliedIndex: 5,
    errors: [],
    isLearner: false,
    storageVersion: "3.7.0",
    downgrade: { isEnabled: false, targetVersion: "" },
    ...fields,
  };
}

const member = (id: bigint, name: string): MemberList["members"][number] => {
  return { id, name, peerUrls: [`http://${name}:2380`], clientUrls: [], isLearner: false };
};

interface Script {
  readonly status: Status | ClientError;
  readonly list?: MemberList | ClientError;
}

/** Members by endpoint, with what they were asked. */
class Lab {
  readonly log: string[] = [];
  readonly client: EtcdClient;

  constructor(scripts: Readonly<Record<string, Script>>) {
    this.client = new EtcdClient((endpoint) => {
      this.log.push(`open ${endpoint}`);
      const answer = async <Value extends object>(
        call: string,
        value: Value | ClientError,
      ): Promise<Value> => {
        this.log.push(`${call} ${endpoint}`);
        if (value instanceof ClientError) throw value;
        return value;
      };
      const gone = { status: new ClientError(14, "no such member") };
      const script: Script = scripts[endpoint] ?? gone;
      const connection: EtcdConnection = {
        status: () => answer("status", script.status),
        memberList: (options) => {
          assert.equal(options?.linearizable, true);
          return answer("list", script.list ?? new ClientError(14, "none"));
        },
        close: () => this.log.push(`close ${endpoint}`),
      };
      return connection;
    });
  }

  ask(...names: readonly string[]): ReturnType<EtcdClient["ask"]> {
    return this.client.ask(
      "ns/db",
      names.map((name) => ({ name, endpoint: name })),
      signal,
    );
  }
}

test("the list comes linearizably from a voter, the leader first; ids are lower-case hex", async () => {
  const list = { header, members: [member(0xa1n, "a"), member(0xb2n, "b")] };
  const lab = new Lab({
    a: { status: statusOf({ leader: 0xb2n }), list },
    b: { status: statusOf({ header: { ...header, memberId: 0xb2n }, leader: 0xb2n }), list },
  });
  const view = await lab.ask("a", "b");
  assert.ok(view.kind === "known");
  assert.equal(view.clusterId, "c1");
  assert.deepEqual(view.list[1], {
    id: "b2",
    name: "b",
    peerUrls: ["http://b:2380"],
    isLearner: false,
  });
  const answer = view.answers.get("a");
  assert.ok(answer?.kind === "answered");
  assert.deepEqual([answer.memberId, answer.clusterId, answer.leaderId], ["a1", "c1", "b2"]);
  assert.deepEqual(
    lab.log.filter((entry) => entry.startsWith("list")),
    ["list b"],
  );
});

test("a learner is not asked for the list, and silence is unknown", async () => {
  const silent = { status: new ClientError(4, "Deadline exceeded after 2.001s,LB pick: 0.001s") };
  const lab = new Lab({ a: silent, b: { status: statusOf({ isLearner: true }) } });
  const view = await lab.ask("a", "b");
  assert.ok(view.kind === "unknown");
  assert.deepEqual(view.answers.get("a"), { kind: "silent", reason: "no answer within 2 s" });
  assert.equal(view.answers.get("b")?.kind, "answered");
  assert.deepEqual(
    lab.log.filter((entry) => entry.startsWith("list")),
    [],
  );
});

test("members without a quorum answer for themselves, and the list is unknown with the reason", async () => {
  const list = new ClientError(14, "etcdserver: no leader");
  const lab = new Lab({
    a: { status: statusOf({ leader: 0n }), list },
    b: { status: statusOf({ leader: 0n }), list: new ClientError(13, "etcdserver: broken") },
    c: { status: statusOf({ leader: 0n }), list },
  });
  const view = await lab.ask("a", "b", "c");
  assert.ok(view.kind === "unknown");
  assert.match(view.reason, /^b has no member list: .*etcdserver: broken/);
  const answer = view.answers.get("a");
  assert.equal(answer?.kind === "answered" && answer.leaderId, "");
});

test("nobody to ask is unasked", async () => {
  assert.deepEqual(await new Lab({}).ask(), { kind: "unasked" });
});

test("connections are kept; those of members that are gone are closed, and all of them when the cluster is", async () => {
  const lab = new Lab({});
  await lab.ask("a", "b");
  await lab.ask("b", "c");
  const about = (what: string): string[] => lab.log.filter((entry) => entry.startsWith(what));
  assert.deepEqual(about("open"), ["open a", "open b", "open c"]);
  assert.deepEqual(about("close"), ["close a"]);
  await lab.client.ask("ns/other", [{ name: "x", endpoint: "x" }], signal);
  assert.deepEqual(about("close"), ["close a"]);
  lab.client.forget("ns/db");
  assert.deepEqual(about("close"), ["close a", "close b", "close c"]);
  lab.client.close();
  assert.deepEqual(about("close").at(-1), "close x");
});

for (const program of ["etcd-ts", "etcd"] as const) {
  test(
    `a real ${program} is known by id, list and version; stopped it is silent`,
    program === "etcd" ? needs("etcd") : {},
    async () => {
      const started = await OneMember.start(program === "etcd" ? { command: [peer("etcd")] } : {});
      const client = new EtcdClient();
      const asked = [{ name: "one", endpoint: `http://${started.address}` }];
      try {
        const view = await client.ask("ns/db", asked, signal);
        assert.ok(view.kind === "known");
        assert.equal(view.list.length, 1);
        const answer = view.answers.get("one");
        assert.ok(answer?.kind === "answered");
        assert.equal(answer.memberId, view.list[0]?.id);
        assert.equal(answer.leaderId, answer.memberId);
        assert.match(answer.memberId, /^[1-9a-f][0-9a-f]{0,15}$/);
      } finally {
        await started.stop();
      }
      const silent = await client.ask("ns/db", asked, signal);
      assert.ok(silent.kind === "unknown");
      assert.deepEqual(silent.answers.get("one"), { kind: "silent", reason: "not reachable" });
      client.close();
    },
  );
}
