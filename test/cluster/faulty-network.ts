/**
 * The network between the members of one cluster: a proxy before each, and the table of what is wrong between whom.
 * Members are named here; that a name belongs to a raft id is told by `introduce` as soon as it is known.
 */
import { FaultyProxy } from "./faulty-proxy.ts";
import { isBlocking, type LinkFault, type PartitionFault } from "./link-fault.ts";

export class FaultyNetwork {
  readonly #proxies = new Map<string, FaultyProxy>();
  /** By "from to". */
  readonly #faults = new Map<string, LinkFault>();
  readonly #names = new Map<string, string>();

  /** A proxy on `port` in front of the member's `targetPort`. */
  async place(
    member: string,
    { port, targetPort }: Readonly<Record<"port" | "targetPort", number>>,
  ): Promise<void> {
    const proxy = await FaultyProxy.start({
      port,
      targetPort,
      fault: (direction, dialler) => this.#faultAt(member, direction, dialler),
    });
    this.#proxies.set(member, proxy);
  }

  introduce(member: string, id: bigint): void {
    this.#names.set(id.toString(16), member);
  }

  async remove(member: string): Promise<void> {
    for (const [id, name] of this.#names) if (name === member) this.#names.delete(id);
    this.heal(member);
    await this.#proxies.get(member)?.close();
    this.#proxies.delete(member);
  }

  /** The way of bytes from one member to another; the way back has a fault of its own. */
  setFault(from: string, to: string, fault: LinkFault | undefined): void {
    const link = `${from} ${to}`;
    if (fault === undefined) this.#faults.delete(link);
    else this.#faults.set(link, fault);
    this.#refresh();
  }

  /**
   * Nothing passes between the two groups, neither on connections under way nor on new ones. "toThem": only what `us`
   * sends is lost.
   */
  partition(
    us: readonly string[],
    them: readonly string[],
    { kind, ways = "both" }: { readonly kind: PartitionFault; readonly ways?: "both" | "toThem" },
  ): void {
    for (const one of us) {
      for (const other of them) {
        this.#faults.set(`${one} ${other}`, { kind });
        if (ways === "both") this.#faults.set(`${other} ${one}`, { kind });
      }
    }
    this.#refresh();
  }

  /** No faults any more: on the ways of this member, or anywhere. */
  heal(member?: string): void {
    for (const link of this.#faults.keys()) {
      if (member === undefined || link.split(" ").includes(member)) this.#faults.delete(link);
    }
    this.#refresh();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
  }

  #refresh(): void {
    for (const proxy of this.#proxies.values()) proxy.refresh();
  }

  #faultAt(
    member: string,
    direction: "to" | "back",
    dialler: string | undefined,
  ): LinkFault | undefined {
    const other = this.#names.get(dialler ?? "");
    if (other !== undefined) {
      return this.#faults.get(direction === "to" ? `${other} ${member}` : `${member} ${other}`);
    }
    return this.#faultOfUnknown(member, direction);
  }

  /**
   * Nobody knows whose connection it is. It passes unless the member is parted from most others: what has no sender (probes,
   * questions for versions and members) carries nothing of raft, and a third member must not suffer for two.
   */
  #faultOfUnknown(member: string, direction: "to" | "back"): LinkFault | undefined {
    const blocking = [...this.#faults].flatMap(([link, fault]) => {
      const [from, to] = link.split(" ");
      const isHere = (direction === "to" ? to : from) === member;
      return isHere && isBlocking(fault) ? [fault] : [];
    });
    const others = this.#names.size - 1;
    return blocking.length * 2 > others ? blocking[0] : undefined;
  }
}
