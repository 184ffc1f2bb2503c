/** --enable-pprof: profiles of this very process, over a real connection. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, describe, test } from "node:test";
import { ClientHttp } from "../../../node/http/client-http.ts";
import { profileRoutes } from "../../../node/http/profile-routes.ts";
import { Profiler } from "../../../node/http/profiler.ts";
import { emptyBytes } from "../../../node/lib/bytes.ts";
import { SystemTimers } from "../../../node/lib/platform/clock.ts";
import { systemNet } from "../../../node/lib/platform/net.ts";
import type { Timer } from "../../../node/lib/ports.ts";
import { type Answer, exchange, get } from "./loopback.ts";

const profiler = new Profiler();
after(() => profiler.close());

interface Tree {
  readonly callFrame: { readonly functionName: string };
}

/** Time that only the test lets pass. */
class HeldTimers {
  readonly delays: number[] = [];
  cancelled = 0;
  private readonly runs: (() => void)[] = [];
  private readonly waiting: (() => void)[] = [];

  after(delayMs: number, run: () => void): Timer {
    this.delays.push(delayMs);
    this.runs.push(run);
    for (const begun of this.waiting.splice(0)) begun();
    return { cancel: () => this.cancelled++ };
  }

  /** Resolves when somebody waits. */
  begun(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  pass(): void {
    for (const run of this.runs.splice(0)) run();
  }
}

function httpWith(timers: Pick<SystemTimers, "after"> = new SystemTimers()): ClientHttp {
  const commandLine = ["node", "main.js", "--discovery-password", "hunter2"];
  return new ClientHttp(profileRoutes({ profiler, timers, commandLine }));
}

async function ask(path: string, http = httpWith()): Promise<Answer> {
  return exchange((socket) => http.serve(socket, emptyBytes), get(path));
}

function burnCpu(milliseconds: number): number {
  const endMs = performance.now() + milliseconds;
  let sum = 0;
  while (performance.now() < endMs) sum += Math.sqrt(sum + 1);
  return sum;
}

describe("profiles", () => {
  test("of the CPU are .cpuprofile files of the time that was asked for", async () => {
    const timers = new HeldTimers();
    const begun = timers.begun();
    const asked = ask("/debug/pprof/profile?seconds=7", httpWith(timers));
    await begun;
    // The profiler starts in the same turn or in the next few.
    await new Promise((resolve) => setTimeout(resolve, 100));
    burnCpu(100);
    timers.pass();
    const { status, headers, body } = await asked;
    assert.equal(status, 200);
    assert.deepEqual(timers.delays, [7000]);
    assert.match(headers.get("content-disposition") ?? "", /filename="profile\.cpuprofile"/);
    const profile = JSON.parse(body) as { nodes: Tree[]; samples: number[]; timeDeltas: number[] };
    assert.ok(profile.nodes.some(({ callFrame }) => callFrame.functionName === "burnCpu"));
    assert.equal(profile.samples.length, profile.timeDeltas.length);
  });

  test("of the CPU take 30 s where nothing else is asked for, and no more than 120", async () => {
    for (const query of ["", "?seconds=x", "?seconds=0", "?seconds=-1", "?seconds=1.5"]) {
      const timers = new HeldTimers();
      const begun = timers.begun();
      const asked = ask(`/debug/pprof/profile${query}`, httpWith(timers));
      await begun;
      timers.pass();
      assert.equal((await asked).status, 200);
      assert.deepEqual(timers.delays, [30_000], query);
    }
    const { status, body } = await ask("/debug/pprof/profile?seconds=121");
    assert.deepEqual([status, body], [400, "seconds must be at most 120\n"]);
  });

  test("of the CPU are made one at a time; a client that goes makes room for the next", async () => {
    const timers = new HeldTimers();
    const http = httpWith(timers);
    const listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (socket) =>
      http.serve(socket, emptyBytes),
    );
    const begun = timers.begun();
    const first = connect(listener.address.port, "127.0.0.1");
    first.write(get("/debug/pprof/profile"));
    await begun;
    const { status, body } = await ask("/debug/pprof/profile?seconds=1");
    assert.equal(status, 500);
    assert.equal(body, "Could not enable CPU profiling: cpu profiling already in use\n");
    first.destroy();
    for (;;) {
      const next = await ask("/debug/pprof/profile?seconds=1");
      if (next.status === 200) break;
    }
    assert.equal(timers.cancelled, 1);
    http.close();
    await listener.close();
  });

  test("of the heap are .heapprofile files of what lives since the start", async () => {
    const kept = Array.from({ length: 200_000 }, (_, index) => ({ index, text: `value ${index}` }));
    const { status, headers, body } = await ask("/debug/pprof/heap");
    assert.equal(status, 200);
    assert.match(headers.get("content-disposition") ?? "", /filename="heap\.heapprofile"/);
    const { head, samples } = JSON.parse(body) as { head: Tree; samples: { size: number }[] };
    assert.equal(head.callFrame.functionName, "(root)");
    assert.ok(samples.length > 0);
    assert.equal(kept.length, 200_000);
  });
});

describe("around the profiles", () => {
  test("an index says what there is, also where the slash is missing", async () => {
    const { status, headers, body } = await ask("/debug/pprof/");
    assert.equal(status, 200);
    assert.equal(headers.get("content-type"), "text/html; charset=utf-8");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    for (const [, link = ""] of body.matchAll(/href="([^"/][^"]*)"/g)) {
      const [path = ""] = link.split("?");
      if (path !== "profile") assert.equal((await ask(`/debug/pprof/${path}`)).status, 200, path);
    }
    const redirected = await ask("/debug/pprof");
    assert.equal(redirected.status, 307);
    assert.equal(redirected.headers.get("location"), "/debug/pprof/");
  });

  test("the command line is there without secrets, its words apart as in Go", async () => {
    const { body } = await ask("/debug/pprof/cmdline");
    assert.equal(body, "node\0main.js\0--discovery-password\0***");
  });

  test("profiles of Go's runtime are unknown", async () => {
    for (const name of ["goroutine", "allocs", "trace"]) {
      const { status, body } = await ask(`/debug/pprof/${name}`);
      assert.deepEqual([status, body], [404, "Unknown profile\n"]);
    }
  });

  test("without its routes there is nothing under /debug/pprof", async () => {
    for (const path of ["/debug/pprof/", "/debug/pprof/profile", "/debug/pprof/heap"]) {
      const { status, body } = await ask(path, new ClientHttp(new Map()));
      assert.deepEqual([status, body], [404, "404 page not found\n"]);
    }
  });
});
