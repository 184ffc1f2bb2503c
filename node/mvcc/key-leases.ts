/**
 * Which lease each key is attached to, and which keys each lease has (etcd lease/lessor.go, itemMap and itemSet). It follows from the
 * records: a key's newest record names its lease. Keys without one cost nothing. Keys are named by their places, which stay theirs as
 * long as they live.
 */
import { ImageReader, type IndexImage } from "./index-image.ts";

export class KeyLeases {
  private readonly leaseOf = new Map<number, bigint>();
  private readonly placesOf = new Map<bigint, Set<number>>();

  /** Keys that are attached to some lease. */
  get size(): number {
    return this.leaseOf.size;
  }

  /** The key's newest record is a put with this lease; 0n for none. */
  put(place: number, lease: bigint): void {
    const before = this.leaseOf.get(place) ?? 0n;
    if (before === lease) return;
    if (before !== 0n) this.detach(place, before);
    if (lease === 0n) return;
    this.leaseOf.set(place, lease);
    const places = this.placesOf.get(lease);
    if (places === undefined) this.placesOf.set(lease, new Set([place]));
    else places.add(place);
  }

  /** The key does not exist any more. */
  delete(place: number): void {
    const lease = this.leaseOf.get(place);
    if (lease !== undefined) this.detach(place, lease);
  }

  /** Keys of one lease. */
  countOf(lease: bigint): number {
    return this.placesOf.get(lease)?.size ?? 0;
  }

  /** Their places, in no order; valid until a key is attached or detached. */
  placesWith(lease: bigint): Iterable<number> {
    return this.placesOf.get(lease) ?? [];
  }

  /** For a checkpoint of the index. */
  image(): IndexImage {
    const places = Int32Array.from(this.leaseOf.keys());
    const leases = BigInt64Array.from(this.leaseOf.values());
    return { numbers: [this.size], buffers: [places.buffer, leases.buffer] };
  }

  /** Takes over an image. Precondition: no key is attached. */
  adopt(image: IndexImage): void {
    const reader = new ImageReader(image);
    const count = reader.number();
    const places = new Int32Array(reader.buffer(count * 4));
    const leases = new BigInt64Array(reader.buffer(count * 8));
    for (let at = 0; at < count; at++) this.put(places[at] as number, leases[at] as bigint);
    reader.end();
  }

  private detach(place: number, lease: bigint): void {
    this.leaseOf.delete(place);
    const places = this.placesOf.get(lease);
    places?.delete(place);
    if (places?.size === 0) this.placesOf.delete(lease);
  }
}
