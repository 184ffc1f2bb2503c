/** HPACK's index space (RFC 7541 section 2.3): the static table and, behind it, the newest-first dynamic table. */
import { ConnectionError } from "./connection-error.ts";
import { errorCode } from "./frame.ts";
import { type HeaderField, staticField } from "./header-field.ts";

/** RFC 7541 Appendix A, "name value" or "name". */
const staticEntries =
  ":authority|:method GET|:method POST|:path /|:path /index.html|:scheme http|:scheme https|:status 200|:status 204|" +
  ":status 206|:status 304|:status 400|:status 404|:status 500|accept-charset|accept-encoding gzip, deflate|" +
  "accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control|" +
  "content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type|" +
  "cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|" +
  "last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|" +
  "server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate";

const staticTable: readonly HeaderField[] = staticEntries.split("|").map((entry) => {
  const space = entry.indexOf(" ");
  return space < 0
    ? staticField(entry, "")
    : staticField(entry.slice(0, space), entry.slice(space + 1));
});
const staticCount = staticTable.length;

/** An entry takes 32 bytes at least. */
const smallestEntry = 32;

export class HpackTable {
  /** What SETTINGS_HEADER_TABLE_SIZE promises the peer; size updates may not exceed it. */
  private readonly capacityMax: number;
  private capacity: number;
  private size = 0;
  private count = 0;
  /** Moves whenever an index may mean something else than before. */
  version = 0;
  /** A ring: the newest entry lies at `newest`, the one before it at newest - 1. */
  private readonly ring: (HeaderField | undefined)[];
  private readonly mask: number;
  private newest = 0;

  constructor(capacityMax: number) {
    this.capacityMax = capacityMax;
    this.capacity = capacityMax;
    const slots = 2 ** Math.ceil(Math.log2(capacityMax / smallestEntry + 1));
    this.ring = new Array<HeaderField | undefined>(slots).fill(undefined);
    this.mask = slots - 1;
  }

  /** @throws ConnectionError COMPRESSION_ERROR for an index without entry. */
  get(index: number): HeaderField {
    if (index <= staticCount) {
      if (index === 0) throw new ConnectionError(errorCode.compressionError, "header index 0");
      return staticTable[index - 1] as HeaderField;
    }
    const age = index - staticCount - 1;
    if (age >= this.count)
      throw new ConnectionError(errorCode.compressionError, "header index beyond the tables");
    return this.ring[(this.newest - age) & this.mask] as HeaderField;
  }

  /** An entry larger than the table empties it and is not kept (section 4.4). */
  add(field: HeaderField): void {
    this.version++;
    this.evictTo(this.capacity - field.size);
    if (field.size > this.capacity) return;
    this.newest = (this.newest + 1) & this.mask;
    this.ring[this.newest] = field;
    this.size += field.size;
    this.count++;
  }

  /** @throws ConnectionError COMPRESSION_ERROR above what we promised. */
  resize(capacity: number): void {
    if (capacity > this.capacityMax)
      throw new ConnectionError(errorCode.compressionError, "header table size update too large");
    this.version++;
    this.capacity = capacity;
    this.evictTo(capacity);
  }

  private evictTo(size: number): void {
    while (this.size > size && this.count > 0) {
      const oldest = (this.newest - this.count + 1) & this.mask;
      this.size -= (this.ring[oldest] as HeaderField).size;
      this.ring[oldest] = undefined;
      this.count--;
    }
  }
}
