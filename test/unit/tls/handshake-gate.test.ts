import assert from "node:assert/strict";
import { test } from "node:test";
import type { Timer } from "../../../node/lib/ports.ts";
import {
  type GateLimits,
  gateLimits,
  HandshakeGate,
  type WaitingHandshake,
} from "../../../node/tls/handshake-gate.ts";

/** Turns and time by hand: a turn runs the timers that are due, then what the test does, then what waits for its end. */
class Turns {
  nowMs = 0;
  private readonly timers: { atMs: number; run: () => void }[] = [];
  private ends: (() => void)[] = [];

  readonly clock = { monotonicMs: () => this.nowMs, unixMs: () => this.nowMs };

  after(delayMs: number, run: () => void): Timer {
    // As Node.js: a millisecond at least.
    this.timers.push({ atMs: this.nowMs + Math.max(1, delayMs), run });
    return { cancel: () => undefined };
  }

  every(): Timer {
    throw new Error("nothing here is periodic");
  }

  endOfTurn(run: () => void): void {
    this.ends.push(run);
  }

  turn(act: () => void = () => undefined): void {
    this.nowMs += 1;
    for (;;) {
      // Node.js runs those too that became due in the meantime.
      const at = this.timers.findIndex(({ atMs }) => atMs <= this.nowMs);
      if (at === -1) break;
      const [due] = this.timers.splice(at, 1);
      due?.run();
      // What handshakes cost.
      this.nowMs += 2;
    }
    act();
    for (const run of this.ends) run();
    this.ends = [];
  }

  get isIdle(): boolean {
    return this.timers.length === 0 && this.ends.length === 0;
  }
}

class Client implements WaitingHandshake {
  isOver = false;
  isBegun = false;
  readonly begin: () => void;

  constructor(onBegin: (client: Client) => void = () => undefined) {
    this.begin = () => {
      this.isBegun = true;
      onBegin(this);
    };
  }
}

const gateWith = (turns: Turns, limits: Partial<GateLimits> = {}): HandshakeGate =>
  new HandshakeGate({ clock: turns.clock, timers: turns, limits: { ...gateLimits, ...limits } });

test("300 connections at once are begun a few in each turn, in their order, until all are", () => {
  const turns = new Turns();
  const gate = gateWith(turns, { youngMax: 1000 });
  const begun: Client[] = [];
  const clients = Array.from({ length: 300 }, () => new Client((client) => begun.push(client)));
  const perTurn: number[] = [];
  const turn = (act?: () => void): void => {
    const before = begun.length;
    turns.turn(act);
    perTurn.push(begun.length - before);
  };
  turn(() => {
    for (const client of clients) assert.equal(gate.enter("client", client), true);
  });
  while (begun.length < 300 && perTurn.length < 1000) turn();
  assert.equal(Math.max(...perTurn), gateLimits.perTurn);
  assert.deepEqual(begun, clients);
  while (!turns.isIdle && perTurn.length < 1000) turn();
  assert.ok(turns.isIdle, "nothing runs while nobody waits");
});

test("a connection that comes alone is begun at once", () => {
  const turns = new Turns();
  const gate = gateWith(turns);
  const client = new Client();
  turns.turn(() => {
    gate.enter("client", client);
    assert.ok(client.isBegun);
  });
});

test("as many as could end at once are under way, and each that ends makes room for another", () => {
  const turns = new Turns();
  const gate = gateWith(turns, { perTurn: 100, youngMax: 10, youngMs: 1_000_000 });
  const clients = Array.from({ length: 30 }, () => new Client());
  const begun = (): number => clients.filter(({ isBegun }) => isBegun).length;
  turns.turn(() => {
    for (const client of clients) gate.enter("client", client);
  });
  for (let at = 0; at < 20; at++) turns.turn();
  assert.equal(begun(), 10);
  gate.finished(clients[3]!);
  gate.finished(clients[4]!);
  turns.turn();
  turns.turn();
  assert.equal(begun(), 12);
});

test("those that take long give their places up", () => {
  const turns = new Turns();
  const gate = gateWith(turns, { perTurn: 100, youngMax: 10, youngMs: 50 });
  const clients = Array.from({ length: 11 }, () => new Client());
  turns.turn(() => {
    for (const client of clients) gate.enter("client", client);
  });
  for (let at = 0; at < 10; at++) turns.turn();
  assert.equal(clients[10]!.isBegun, false);
  for (let at = 0; at < 20; at++) turns.turn();
  assert.equal(clients[10]!.isBegun, true);
});

test("endpoints take turns: a flood of clients does not keep a peer waiting", () => {
  const turns = new Turns();
  const gate = gateWith(turns);
  const peer = new Client();
  turns.turn(() => {
    for (let at = 0; at < 1000; at++) gate.enter("client", new Client());
    gate.enter("peer", peer);
  });
  turns.turn();
  turns.turn();
  assert.ok(peer.isBegun);
});

test("who went away while it waited takes nobody's place", () => {
  const turns = new Turns();
  const gate = gateWith(turns, { perTurn: 1 });
  const [first, gone, last] = [new Client(), new Client(), new Client()];
  turns.turn(() => {
    for (const client of [first, gone, last]) gate.enter("client", client);
    gone.isOver = true;
  });
  turns.turn();
  turns.turn();
  assert.equal(gone.isBegun, false);
  assert.ok(last.isBegun);
});

test("the line has an end, for each endpoint", () => {
  const turns = new Turns();
  const gate = gateWith(turns, { perTurn: 1, waitingMax: 2 });
  turns.turn(() => {
    const entered = Array.from({ length: 4 }, () => gate.enter("client", new Client()));
    assert.deepEqual(entered, [true, true, true, false]);
    assert.equal(gate.enter("peer", new Client()), true);
  });
});

test("a line whose clients have all gone is none, though nobody can be begun", () => {
  const turns = new Turns();
  const gate = gateWith(turns, { youngMax: 0 });
  const client = new Client();
  turns.turn(() => gate.enter("client", client));
  client.isOver = true;
  for (let at = 0; at < 3; at++) turns.turn();
  assert.ok(turns.isIdle);
});
