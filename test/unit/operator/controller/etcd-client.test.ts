/** What the operator learns from etcd: from members that answer, are silent, learn or have no quorum; and which connections it keeps. */
import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { ClientError } from "../../../../node/client/client-error.ts";
import type { MemberList, Status } from "../../../../node/client/cluster-results.ts";
import type { MemberId } from "../../../../node/lib/units.ts";
import { memberListHash as serverHash } from "../../../../node/membership/member-list-hash.ts";
import { EtcdClient } from "../../../../operator/controller/etcd-client.ts";
import {
  connectionsMax,
  type EtcdConnection,
} from "../../../../operator/controller/etcd-connections.ts";
import type { Asked, EtcdChange, EtcdTarget } from "../../../../operator/controller/etcd-port.ts";
import { memberListHash } from "../../../../operator/controller/member-list-hash.ts";
import type { MutationGuard } from "../../../../operator/kernel/exchange.ts";
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
  readonly alarms?: Awaited<ReturnType<EtcdConnection["alarms"]>> | ClientError;
  /** Revisions that it has a hash of. */
  readonly hashes?: Readonly<Record<number, number>>;
  /** What every change comes to. */
  readonly change?: ClientError;
  readonly isUnconnected?: boolean;
}

const asked = (name: string): Asked => ({ name, endpoint: name, serverName: `${name}.peers` });
const targetOf = (...names: readonly string[]): EtcdTarget => {
  return { key: "ns/db", members: names.map(asked), tls: "none" };
};
const leading: MutationGuard = { check: () => undefined, remainingMs: () => 5_000 };

const listedMembers = [{ id: "a1", name: "a", peerUrls: ["http://a:2380"], isLearner: false }];

/** Members by endpoint, with what they were asked. */
class Lab {
  readonly log: string[] = [];
  readonly client: EtcdClient;

  constructor(scripts: Readonly<Record<string, Script>>) {
    this.client = new EtcdClient(({ endpoint, serverName }, credentials) => {
      const tls = credentials === undefined ? "" : ` ${serverName} ${credentials.certificate}`;
      this.log.push(`open ${endpoint}${tls}`);
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
      const change = async (call: string): Promise<never> => {
        this.log.push(`${call} ${endpoint}`);
        if (script.change !== undefined) throw script.change;
        return undefined as never;
      };
      const connection: EtcdConnection = {
        connect: async () => {
          if (script.isUnconnected === true) throw new ClientError(4, "no connection");
        },
        alarms: () => answer("alarms", script.alarms ?? new ClientError(14, "none")),
        hashKv: async (options) => {
          const revision = Number(options?.revision);
          const hash = script.hashes?.[revision];
          if (hash === undefined) throw new ClientError(11, "future revision");
          return { header, hash, compactRevision: 3, hashRevision: revision };
        },
        memberAdd: ([url], options) =>
          change(`add ${url} ${options?.isLearner} ${JSON.stringify(options?.metadata)}`),
        memberPromote: (id, options) =>
          change(`promote ${id} ${JSON.stringify(options?.metadata)}`),
        memberRemove: (id, options) => change(`remove ${id} ${JSON.stringify(options?.metadata)}`),
        moveLeader: (id) => change(`move ${id}`),
        compact: (revision) => change(`compact ${revision}`),
        defragment: () => change("defragment"),
        disarmAlarm: ({ memberId, type }) => change(`disarm ${memberId} ${type}`),
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
    return this.client.ask(targetOf(...names), signal);
  }

  async change(
    request: EtcdChange["request"],
    guard: MutationGuard = leading,
  ): Promise<Awaited<ReturnType<EtcdClient["change"]>>> {
    const change = { memberName: "a", request, listedMembers };
    return this.client.change(targetOf("a"), change, guard);
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
  await lab.client.ask({ ...targetOf("x"), key: "ns/other" }, signal);
  assert.deepEqual(about("close"), ["close a"]);
  lab.client.forget("ns/db");
  assert.deepEqual(about("close"), ["close a", "close b", "close c"]);
  lab.client.close();
  assert.deepEqual(about("close").at(-1), "close x");
});

test("of many clusters, those that were asked longest ago lose their connections; none that is being asked does", async () => {
  const closed: string[] = [];
  const silent = Promise.withResolvers<null>();
  const client = new EtcdClient(({ endpoint }) => {
    const connection: Partial<EtcdConnection> = {
      status: async () => {
        if (endpoint === "busy") await silent.promise;
        throw new ClientError(14, "no such member");
      },
      close: () => closed.push(endpoint),
    };
    return connection as EtcdConnection;
  });
  const ask = (name: string): Promise<unknown> =>
    client.ask({ key: `ns/${name}`, members: [asked(name)], tls: "none" }, signal);
  const asking = ask("busy");
  for (let at = 1; at < connectionsMax; at += 1) await ask(`m${at}`);
  assert.deepEqual(closed, []);
  await ask("m1");
  await ask("another");
  assert.deepEqual(closed, ["m2"]);
  silent.resolve(null);
  await asking;
  assert.deepEqual(closed, ["m2"]);
  await ask("one more");
  assert.deepEqual(closed, ["m2", "busy"]);
  client.close();
  assert.equal(closed.length, connectionsMax + 2);
});

test("alarms are asked for only when a member tells of one: a question writes an entry to etcd's log", async () => {
  const list = { header, members: [member(0xa1n, "a")] };
  const quiet = new Lab({ a: { status: statusOf(), list } });
  const view = await quiet.ask("a");
  assert.ok(view.kind === "known");
  assert.deepEqual([view.alarms, view.revision], [[], 1]);
  assert.ok(!quiet.log.some((entry) => entry.startsWith("alarms")));
  const errors = ["memberID:161 alarm:NOSPACE "];
  const alarms = { header, alarms: [{ memberId: 0xa1n, type: "nospace" }] } as const;
  const loud = await new Lab({ a: { status: statusOf({ errors }), list, alarms } }).ask("a");
  assert.ok(loud.kind === "known");
  assert.deepEqual(loud.alarms, [{ memberId: "a1", kind: "NoSpace" }]);
  const unsure = await new Lab({ a: { status: statusOf({ errors }), list } }).ask("a");
  assert.equal(unsure.kind, "unknown", "alarms that cannot be read are not none");
});

test("hashes are asked for with an alarm CORRUPT, of voters, all at one revision that each has", async () => {
  const list = { header, members: [member(0xa1n, "a")] };
  const errors = ["memberID:161 alarm:CORRUPT "];
  const at = (revision: number): Partial<Status> => ({ errors, header: { ...header, revision } });
  const alarms = { header, alarms: [{ memberId: 0xa1n, type: "corrupt" }] } as const;
  const lab = new Lab({
    a: { status: statusOf(at(9)), list, alarms, hashes: { 7: 1 } },
    b: { status: statusOf({ ...at(7), leader: 0xb2n }), hashes: { 7: 2 } },
    c: { status: statusOf({ ...at(8), isLearner: true }), hashes: { 7: 3 } },
    d: { status: statusOf({ ...at(8), leader: 0xb2n }), hashes: {} },
  });
  const view = await lab.ask("a", "b", "c", "d");
  assert.ok(view.kind === "known");
  assert.deepEqual(
    [...view.hashes].map(([name, { revision, hash }]) => [name, revision, hash]),
    [
      ["a", 7, 1],
      ["b", 7, 2],
    ],
  );
});

test("with other certificates in the Secret the connections are made anew; without a Secret nobody is asked", async () => {
  const lab = new Lab({});
  const tls = { ca: "ca", certificate: "one", key: "key" };
  const members = [asked("a")];
  await lab.client.ask({ key: "ns/db", members, tls }, signal);
  await lab.client.ask({ key: "ns/db", members, tls: { ...tls } }, signal);
  assert.deepEqual(lab.log, ["open a a.peers one", "status a", "status a"]);
  await lab.client.ask({ key: "ns/db", members, tls: { ...tls, certificate: "two" } }, signal);
  assert.deepEqual(lab.log.slice(3), ["open a a.peers two", "close a", "status a"]);
  const view = await lab.client.ask({ key: "ns/db", members, tls: "missing" }, signal);
  assert.ok(view.kind === "unknown");
  assert.match(view.reason, /the Secret with the operator's certificate is not there/);
  assert.equal(view.answers.get("a")?.kind, "silent");
  assert.equal(lab.log.at(-1), "close a");
});

test("certificates that are none are told, and nothing is thrown", async () => {
  const client = new EtcdClient();
  const members = [{ name: "a", endpoint: "https://127.0.0.1:1", serverName: "a" }];
  const tls = { ca: "ca", certificate: "no certificate", key: "no key" };
  const view = await client.ask({ key: "ns/db", members, tls }, signal);
  assert.ok(view.kind === "unknown");
  assert.match(view.reason, /^the operator's certificate cannot be used: /);
  client.close();
});

test("changes of members carry the hash of the list that they were decided from; others do not", async () => {
  const lab = new Lab({ a: { status: statusOf() } });
  const metadata = JSON.stringify({ "etcd-ts-member-list-hash": memberListHash(listedMembers) });
  const requests: readonly EtcdChange["request"][] = [
    { kind: "add-learner", peerUrl: "http://b:2380" },
    { kind: "promote", memberId: "b2" },
    { kind: "remove", memberId: "b2" },
    { kind: "move-leader", leaderName: "a", toMemberId: "b2" },
    { kind: "compact", revision: 7 },
    { kind: "defragment", memberName: "a" },
    { kind: "disarm", memberId: "a1", alarm: "Corrupt" },
  ];
  for (const request of requests) assert.deepEqual(await lab.change(request), { kind: "done" });
  assert.deepEqual(
    lab.log.filter((entry) => !entry.startsWith("open")),
    [
      `add http://b:2380 true ${metadata} a`,
      `promote 178 ${metadata} a`,
      `remove 178 ${metadata} a`,
      "move 178 a",
      "compact 7 a",
      "defragment a",
      "disarm 161 corrupt a",
    ],
  );
});

const learner = { ...member(0xb2n, "b"), isLearner: true };
const outcomes: readonly {
  readonly request: EtcdChange["request"];
  readonly error: ClientError;
  readonly members: MemberList["members"];
  readonly is: string;
}[] = [
  {
    request: { kind: "add-learner", peerUrl: "http://b:2380" },
    error: new ClientError(9, "etcdserver: Peer URLs already exists"),
    members: [learner],
    is: "done",
  },
  {
    request: { kind: "add-learner", peerUrl: "http://c:2380" },
    error: new ClientError(9, "etcdserver: Peer URLs already exists"),
    members: [learner],
    is: "outdated",
  },
  {
    request: { kind: "promote", memberId: "b2" },
    error: new ClientError(9, "etcdserver: can only promote a learner member"),
    members: [member(0xb2n, "b")],
    is: "done",
  },
  {
    request: { kind: "promote", memberId: "b2" },
    error: new ClientError(
      9,
      "etcdserver: can only promote a learner member which is in sync with leader",
    ),
    members: [member(0xb2n, "b")],
    is: "outdated",
  },
  {
    request: { kind: "remove", memberId: "b2" },
    error: new ClientError(5, "etcdserver: member not found"),
    members: [member(0xa1n, "a")],
    is: "done",
  },
  {
    request: { kind: "remove", memberId: "b2" },
    error: new ClientError(5, "etcdserver: member not found"),
    members: [learner],
    is: "outdated",
  },
  {
    request: { kind: "remove", memberId: "b2" },
    error: new ClientError(9, "etcd-ts: the member list has changed: nothing was changed"),
    members: [],
    is: "outdated",
  },
  {
    request: { kind: "remove", memberId: "b2" },
    error: new ClientError(4, "Deadline exceeded"),
    members: [],
    is: "outdated",
  },
  {
    request: { kind: "compact", revision: 5 },
    error: new ClientError(11, "etcdserver: mvcc: required revision has been compacted"),
    members: [],
    is: "done",
  },
  {
    request: { kind: "remove", memberId: "b2" },
    error: new ClientError(7, "etcdserver: permission denied"),
    members: [],
    is: "refused",
  },
];

for (const { request, error, members, is } of outcomes) {
  const listed = members.map(({ name, isLearner }) => `${name}${isLearner ? " (learner)" : ""}`);
  test(`${request.kind}: "${error.text}" with [${listed.join()}] in the list is ${is}`, async () => {
    const lab = new Lab({ a: { status: statusOf(), list: { header, members }, change: error } });
    assert.equal((await lab.change(request)).kind, is);
  });
}

test("nothing is sent without a connection, nor after the end of the leader's term", async () => {
  const request = { kind: "remove", memberId: "b2" } as const;
  const far = new Lab({ a: { status: statusOf(), isUnconnected: true } });
  assert.equal((await far.change(request)).kind, "outdated");
  const late = new Lab({ a: { status: statusOf() } });
  const check = (): never => {
    throw new Error("the term is over");
  };
  await assert.rejects(late.change(request, { ...leading, check }), /the term is over/);
  for (const lab of [far, late]) assert.ok(!lab.log.some((entry) => entry.startsWith("remove")));
});

test("the hash of a member list is the server's own", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(
        fc.record({
          id: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
          peerUrls: fc.array(fc.webUrl(), { maxLength: 3 }),
          isLearner: fc.boolean(),
        }),
        { selector: ({ id }) => id, maxLength: 5 },
      ),
      (members) => {
        const ours = members.map((each) => ({ ...each, id: each.id.toString(16), name: "x" }));
        const theirs = members.map((each) => ({ ...each, id: each.id as MemberId }));
        assert.equal(memberListHash(ours.reverse()), serverHash(theirs));
      },
    ),
  );
});

for (const program of ["etcd-ts", "etcd"] as const) {
  test(
    `a real ${program} is known by id, list and version; stopped it is silent`,
    program === "etcd" ? needs("etcd") : {},
    async () => {
      const started = await OneMember.start(program === "etcd" ? { command: [peer("etcd")] } : {});
      const client = new EtcdClient();
      const target: EtcdTarget = {
        key: "ns/db",
        members: [{ name: "one", endpoint: `http://${started.address}`, serverName: "one" }],
        tls: "none",
      };
      try {
        const view = await client.ask(target, signal);
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
      const silent = await client.ask(target, signal);
      assert.ok(silent.kind === "unknown");
      assert.deepEqual(silent.answers.get("one"), { kind: "silent", reason: "not reachable" });
      client.close();
    },
  );
}
