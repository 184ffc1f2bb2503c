import assert from "node:assert/strict";
import { test } from "node:test";
import { gateLimits } from "../../../node/tls/handshake-gate.ts";
import { Client, gateWith, Turns } from "./gate-lab.ts";

test("300 connections at once are begun a few in each turn, in their order, until all are", () => {
  const turns = new Turns();
  const gate = gateWith(turns, { youngMax: 1000 });
  const begun: Client[] = [];
  const clients = Array.from(
    { length: 300 },
    () => new Client("10.0.0.1", (client) => begun.push(client)),
  );
  const perTurn: number[] = [];
  const turn = (act?: () => void): void => {
    const before = begun.length;
    turns.turn(act);
    perTurn.push(begun.length - before);
  };
  turn(() => {
    for (const client of clients) gate.enter("client", client);
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
    gate.finished(gone);
  });
  turns.turn();
  turns.turn();
  assert.equal(gone.isBegun, false);
  assert.ok(last.isBegun);
});

test("a line has an end, for each address and for each endpoint", () => {
  const turns = new Turns();
  const gate = gateWith(turns, { youngMax: 0, waitingOfAddressMax: 2, waitingMax: 3 });
  const evicted = (endpoint: string, address: string): string | undefined => {
    const client = new Client(address);
    gate.enter(endpoint, client);
    return client.evictedFor;
  };
  const full = "too many TLS handshakes are waiting";
  turns.turn(() => {
    const one = Array.from({ length: 3 }, () => evicted("client", "10.0.0.1"));
    assert.deepEqual(one, [undefined, undefined, full]);
    assert.equal(evicted("client", "10.0.0.2"), undefined);
    // The endpoint is full, and its longest line would be no longer than this one.
    assert.equal(evicted("client", "10.0.0.2"), full);
    assert.equal(evicted("peer", "10.0.0.1"), undefined);
  });
  assert.equal(gate.size, 4);
});

test("where an endpoint is full, the newest of the longest line goes, and not for a line as long", () => {
  const turns = new Turns();
  const gate = gateWith(turns, { youngMax: 0, waitingMax: 4 });
  const flood = Array.from({ length: 4 }, () => new Client("10.0.0.9"));
  const honest = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((address) => new Client(address));
  const late = new Client("10.0.0.4");
  turns.turn(() => {
    for (const client of [...flood, ...honest, late]) gate.enter("client", client);
  });
  const isEvicted = ({ evictedFor }: Client): boolean => evictedFor !== undefined;
  assert.deepEqual(flood.map(isEvicted), [false, true, true, true]);
  assert.deepEqual([...honest, late].map(isEvicted), [false, false, false, true]);
});

test("addresses take turns: a flood from one does not keep a client of another waiting", () => {
  const turns = new Turns();
  const gate = gateWith(turns);
  const honest = new Client("10.0.0.2");
  turns.turn(() => {
    for (let at = 0; at < 1000; at++) gate.enter("client", new Client("10.0.0.1"));
    gate.enter("client", honest);
  });
  turns.turn();
  turns.turn();
  assert.ok(honest.isBegun);
});

test("an address whose handshakes hang has one turn of four, others that wait have the rest", () => {
  const turns = new Turns();
  const gate = gateWith(turns, { perTurn: 1, youngMs: 0 });
  const hanging = Array.from({ length: 200 }, () => new Client("10.0.0.1"));
  turns.turn(() => {
    for (const client of hanging) gate.enter("client", client);
  });
  for (let at = 0; at < 250 && hanging.filter(({ isBegun }) => isBegun).length < 64; at++)
    turns.turn();
  const begun: string[] = [];
  const note = ({ remoteIp }: Client): void => void begun.push(remoteIp);
  const quick = Array.from(
    { length: 90 },
    () =>
      new Client("10.0.0.2", (client) => {
        note(client);
        gate.finished(client);
      }),
  );
  const before = hanging.filter(({ isBegun }) => isBegun).length;
  turns.turn(() => {
    for (const client of quick) gate.enter("client", client);
  });
  for (let at = 0; at < 1000 && begun.length < quick.length; at++) turns.turn();
  assert.equal(begun.length, 90);
  const meanwhile = hanging.filter(({ isBegun }) => isBegun).length - before;
  assert.ok(meanwhile >= 25 && meanwhile <= 32, `${meanwhile} of the hanging address`);
});

test("too many under way: the oldest goes of the address that has the most", () => {
  const turns = new Turns();
  const gate = gateWith(turns, { perTurn: 100, youngMax: 100, underWayMax: 4 });
  const [slow, ...flood] = ["2", "1", "1", "1", "1", "1"].map((at) => new Client(`10.0.0.${at}`));
  turns.turn(() => {
    for (const client of [slow!, ...flood]) gate.enter("client", client);
  });
  const full = "too many TLS handshakes are under way";
  assert.equal(slow?.evictedFor, undefined);
  const ends = flood.map(({ evictedFor }) => evictedFor);
  assert.deepEqual(ends, [full, full, undefined, undefined, undefined]);
  assert.ok(flood.every(({ isBegun }) => isBegun));
  assert.equal(gate.size, 4);
});

test("too many that say nothing: the oldest goes of the address that has the most, and none that spoke", () => {
  const turns = new Turns();
  const gate = gateWith(turns, { youngMax: 0, silentMax: 3 });
  const clients = ["2", "1", "1", "1", "1"].map((at) => new Client(`10.0.0.${at}`));
  const [slow, spoke, ...rest] = clients;
  for (const client of [slow!, spoke!]) gate.accepted("client", client);
  gate.enter("client", spoke!);
  for (const client of rest) gate.accepted("client", client);
  const ends = clients.map(({ evictedFor }) => evictedFor !== undefined);
  assert.deepEqual(ends, [false, false, true, false, false]);
});

test("who went away is forgotten, wherever it was", () => {
  const turns = new Turns();
  const gate = gateWith(turns, { perTurn: 1 });
  const [begun, waiting, silent] = [new Client(), new Client(), new Client()];
  for (const client of [begun, waiting, silent]) gate.accepted("client", client);
  for (const client of [begun, waiting]) gate.enter("client", client);
  assert.equal(gate.size, 3);
  for (const client of [silent, begun, waiting, waiting]) gate.finished(client);
  assert.equal(gate.size, 0);
});

test("a line whose clients have all gone is none, though nobody can be begun", () => {
  const turns = new Turns();
  const gate = gateWith(turns, { youngMax: 0 });
  const client = new Client();
  turns.turn(() => gate.enter("client", client));
  gate.finished(client);
  for (let at = 0; at < 3; at++) turns.turn();
  assert.ok(turns.isIdle);
});
