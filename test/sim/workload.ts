/**
 * Simulated clients and what they remember. Each owns some keys and writes growing counters to them, so that a read can be judged
 * by two numbers: not below the last counter that was acknowledged before it began, not above the last that was sent.
 */

import { fromText, toText } from "../../node/lib/bytes.ts";
import { KeyValueView } from "../../node/proto/key-value.ts";
import { Reader, Writer } from "../../node/proto/wire.ts";
import { SimGrpcClient } from "./grpc-client.ts";
import { clientPort } from "./machine.ts";
import type { SimNet } from "./network.ts";
import type { World } from "./world.ts";

const keysPerClient = 5;

interface KeyState {
  sent: number;
  acknowledged: number;
  /** Largest counter that a finished read has returned: no later read may return less. */
  seen: number;
}

export class SimClient {
  readonly violations: string[] = [];
  acknowledged = 0;
  reads = 0;
  private readonly name: string;
  private readonly world: World;
  private readonly net: SimNet;
  private connection: SimGrpcClient | undefined;
  private readonly keys: KeyState[] = Array.from({ length: keysPerClient }, () => ({
    sent: 0,
    acknowledged: 0,
    seen: 0,
  }));
  /** False lets the calls under way come to their end and begins no more. */
  isActive = true;

  constructor(name: string, world: World, net: SimNet) {
    this.name = name;
    this.world = world;
    this.net = net;
  }

  /** Does one thing now and the next after a while. */
  next(): void {
    if (!this.isActive) return;
    if (this.connection === undefined || !this.connection.isOpen) {
      const socket = this.net.connect(clientPort);
      this.connection = socket === undefined ? undefined : new SimGrpcClient(socket);
    }
    const key = this.world.random.below(keysPerClient);
    if (this.connection === undefined) this.later();
    else if (this.world.random.chance(0.7)) this.put(this.connection, key);
    else this.get(this.connection, key, () => this.later());
  }

  /** Reads every key once more; `done` when all answers are in. The calls must not fail. */
  readAll(done: () => void): void {
    const socket = this.net.connect(clientPort);
    if (socket === undefined) throw new Error("the member does not serve");
    const connection = new SimGrpcClient(socket);
    let open = keysPerClient;
    for (let key = 0; key < keysPerClient; key++) {
      this.get(connection, key, () => {
        open -= 1;
        if (open === 0) done();
      });
    }
  }

  private later(): void {
    this.world.after(this.world.random.below(50) / 10, () => this.next());
  }

  private put(connection: SimGrpcClient, key: number): void {
    const state = this.keys[key] as KeyState;
    const counter = ++state.sent;
    const writer = new Writer();
    writer.bytesField(1, fromText(`${this.name}/${key}`));
    writer.bytesField(2, fromText(String(counter)));
    connection.call("/etcdserverpb.KV/Put", writer.finish(), ({ status }) => {
      this.world.trace(`${this.name} put ${key}=${counter} ${status ?? "lost"}`);
      if (status === 0) {
        state.acknowledged = Math.max(state.acknowledged, counter);
        this.acknowledged += 1;
      }
      this.later();
    });
  }

  private get(connection: SimGrpcClient, key: number, done: () => void): void {
    const state = this.keys[key] as KeyState;
    const atLeast = Math.max(state.acknowledged, state.seen);
    const writer = new Writer();
    writer.bytesField(1, fromText(`${this.name}/${key}`));
    connection.call("/etcdserverpb.KV/Range", writer.finish(), ({ status, message }) => {
      if (status === 0) {
        const counter = counterIn(message);
        this.world.trace(`${this.name} get ${key}=${counter}`);
        this.reads += 1;
        if (counter < atLeast || counter > state.sent) {
          this.violations.push(
            `${this.name}/${key}: read ${counter}, but ${atLeast} was acknowledged or seen before, ${state.sent} sent`,
          );
        }
        state.seen = Math.max(state.seen, counter);
      } else {
        this.world.trace(`${this.name} get ${key} ${status ?? "lost"}`);
      }
      done();
    });
  }
}

/** The counter in a RangeResponse; 0 when the key is not there. */
function counterIn(response: Uint8Array): number {
  const reader = new Reader(response);
  const keyValue = new KeyValueView();
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag !== 0x12) {
      reader.skip(tag);
      continue;
    }
    const bytes = reader.view();
    keyValue.decode(bytes, 0, bytes.length);
    return Number(toText(bytes.subarray(keyValue.valueStart, keyValue.valueEnd)));
  }
  return 0;
}
