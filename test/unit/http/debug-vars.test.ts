import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientHttp } from "../../../node/http/client-http.ts";
import { debugVarsRoutes } from "../../../node/http/debug-vars.ts";
import { emptyBytes } from "../../../node/lib/bytes.ts";
import { logIndex, memberId, term } from "../../../node/lib/units.ts";
import type { Member } from "../../../node/server/member.ts";
import { type Answer, exchange, get } from "./loopback.ts";

type Status = Member["raftStatus"];

const status: Status = {
  id: memberId(0xabcn),
  role: "leader",
  term: term(3),
  vote: memberId(0xabcn),
  lead: memberId(0xabcn),
  committed: logIndex(70),
  applied: logIndex(69),
  leadTransferee: memberId(0n),
  confState: {} as Status["confState"],
  progress: [
    {
      id: memberId(0xdn),
      isLearner: false,
      state: "probe",
      match: logIndex(0),
      next: logIndex(5),
      isRecentActive: true,
      isPaused: false,
      pendingSnapshot: logIndex(0),
      inflightCount: 0,
    },
  ],
};

async function ask(request: string, raftStatus = status): Promise<Answer> {
  const commandLine = ["node", "main.js", "--discovery-password=hunter2"];
  const http = new ClientHttp(debugVarsRoutes({ member: { raftStatus }, commandLine }));
  const answer = await exchange((socket) => http.serve(socket, emptyBytes), request);
  http.close();
  return answer;
}

test("/debug/vars is JSON with etcd's variables, one a line as expvar prints them", async () => {
  const { status: code, headers, body } = await ask(get("/debug/vars"));
  assert.equal(code, 200);
  assert.equal(headers.get("content-type"), "application/json; charset=utf-8");
  assert.deepEqual(Object.keys(JSON.parse(body) as object), [
    "cmdline",
    "file_descriptor_limit",
    "memstats",
    "raft.status",
  ]);
  assert.equal(body.split("\n").length, 7);
});

test("raft.status has etcd's keys, ids in hex and progress by member", async () => {
  const vars = JSON.parse((await ask(get("/debug/vars"))).body) as Record<string, unknown>;
  assert.deepEqual(vars["raft.status"], {
    id: "abc",
    term: 3,
    vote: "abc",
    commit: 70,
    lead: "abc",
    raftState: "StateLeader",
    applied: 69,
    progress: { d: { match: 0, next: 5, state: "StateProbe" } },
    leadtransferee: "0",
  });
  const follower = { ...status, role: "follower", progress: [] } as const;
  const other = JSON.parse((await ask(get("/debug/vars"), follower)).body) as Record<
    string,
    object
  >;
  assert.deepEqual(
    [other["raft.status"]].map((raft) => ({ ...(raft as Record<string, unknown>) })),
    [{ ...(vars["raft.status"] as object), raftState: "StateFollower", progress: {} }],
  );
});

test("memstats are figures of V8 and Node.js by their own names, the limit of open files is a number", async () => {
  const vars = JSON.parse((await ask(get("/debug/vars"))).body) as {
    file_descriptor_limit: number;
    memstats: Record<string, unknown> & { v8: Record<string, number> };
  };
  assert.ok(Number(vars.memstats["heapUsed"]) > 1_000_000);
  assert.ok((vars.memstats.v8["used_heap_size"] ?? 0) > 1_000_000);
  assert.equal(vars.memstats["Alloc"], undefined);
  assert.ok(vars.file_descriptor_limit >= 0);
});

test("the command line is shown without its secrets", async () => {
  const { body } = await ask(get("/debug/vars"));
  assert.ok(!body.includes("hunter2"));
  assert.deepEqual((JSON.parse(body) as { cmdline: string[] }).cmdline, [
    "node",
    "main.js",
    "--discovery-password=***",
  ]);
});

test("only GET", async () => {
  assert.equal((await ask(get("/debug/vars", "POST"))).status, 405);
});
