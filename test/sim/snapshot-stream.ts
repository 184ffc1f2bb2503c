/** One snapshot on its way: chunks over a link with a bandwidth, into the receiver's home, then the MsgSnap, sometimes much later. */
import type { BackendSnapshot, SnapshotReceiver } from "../../node/backend/backend-snapshot.ts";
import { cloneBytes } from "../../node/lib/bytes.ts";
import type { Message } from "../../node/raft/messages.ts";
import type { SnapshotOutcome } from "../../node/server/peer-transport.ts";
import type { PeerLink } from "./peer-link.ts";

export interface Shipment {
  readonly message: Message;
  readonly body: BackendSnapshot;
  readonly done: (outcome: SnapshotOutcome) => void;
}

/** How long a sender waits on a connection that is cut. */
const patienceMs = 5000;

export class SnapshotStream {
  private readonly sender: PeerLink;
  private readonly shipment: Shipment;
  private readonly target: PeerLink | undefined;
  private readonly targetMachine: number;
  private receiver: SnapshotReceiver | undefined;
  private isOver = false;

  constructor(sender: PeerLink, shipment: Shipment) {
    this.sender = sender;
    this.shipment = shipment;
    this.targetMachine = sender.machineOf(shipment.message.to) ?? -1;
    this.target = sender.options.links.get(this.targetMachine);
  }

  start(): void {
    const { sender, target } = this;
    sender.streams.add(this);
    target?.streams.add(this);
    this.run().catch((error: unknown) => this.fail(String(error)));
  }

  /** A process is gone, the connection broke, or a disk failed: both sides give up. */
  fail(why: string): void {
    if (this.isOver) return;
    const { receiver, target } = this;
    this.end("failed", 1);
    this.sender.options.world.note(`snapshot failed: ${why}`);
    if (receiver !== undefined && target?.isUp === true) {
      target.options.loop.dispatch(() => {
        target.options.world.promised();
        receiver.abort().catch(() => undefined);
      });
    }
  }

  private async run(): Promise<void> {
    const { sender, target, shipment } = this;
    const { network, machine, world } = sender.options;
    if (target === undefined) throw new Error("nobody listens");
    this.receiver = await this.at(target, () => target.receiver.receiveSnapshot());
    const { receiver } = this;
    for await (const chunk of shipment.body.chunks()) {
      await this.carry(chunk.length);
      const copy = cloneBytes(chunk);
      await this.at(target, () => receiver.write(copy));
    }
    await this.at(target, () => receiver.finish());
    // The message may be held up behind its body, and be old when it comes.
    const { conditions } = network;
    const heldUpMs = conditions.reorderRate > 0 ? conditions.reorderSpreadMs : 1;
    const delayMs =
      network.delayMs() + world.randomFor(`snap ${world.nowMs}`).below(Math.max(1, heldUpMs));
    world.after(delayMs, () => {
      if (target.isUp) target.arrived(shipment.message, machine);
    });
    this.end("finished", delayMs + network.delayMs());
  }

  /** Resolves when so many bytes are on the other side. */
  private async carry(bytes: number): Promise<void> {
    const { network, machine, world } = this.sender.options;
    const { bytesPerMs } = network.conditions;
    await new Promise<void>((resolve, reject) => {
      const isWhole = network.isWhole(machine, this.targetMachine);
      const waitMs = isWhole
        ? network.delayMs() + (bytesPerMs < Infinity ? bytes / bytesPerMs : 0)
        : patienceMs;
      world.after(waitMs, () => {
        world.promised();
        if (network.isWhole(machine, this.targetMachine)) resolve();
        else reject(new Error("the connection broke"));
      });
    });
    this.assertGoing();
  }

  /** Does something in the process at the other end. */
  private async at<Result>(link: PeerLink, run: () => Promise<Result>): Promise<Result> {
    const result = await new Promise<Result>((resolve, reject) => {
      link.options.loop.dispatch(() => {
        link.options.world.promised();
        run().then(resolve, reject);
      });
    });
    this.assertGoing();
    return result;
  }

  private assertGoing(): void {
    if (this.isOver) throw new Error("given up");
  }

  private end(outcome: SnapshotOutcome, delayMs: number): void {
    if (this.isOver) return;
    this.isOver = true;
    this.sender.options.observer.snapshotEnded(outcome);
    const { sender, target, shipment } = this;
    sender.streams.delete(this);
    target?.streams.delete(this);
    shipment.body.release();
    const { world, loop } = sender.options;
    world.after(delayMs, () => loop.dispatch(() => shipment.done(outcome)));
  }
}
