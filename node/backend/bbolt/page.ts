/** One page of a tree as it is read. What its header and its elements say is held against the bytes that are there. */
import { faulty } from "./database-fault.ts";
import {
  branchElementBytes,
  bucketElementFlag,
  leafElementBytes,
  pageFlag,
  pageHeaderBytes,
  readU64,
  viewOf,
} from "./format.ts";

export class Page {
  readonly id: number;
  readonly isLeaf: boolean;
  readonly count: number;
  /** The page with its overflow. */
  readonly bytes: Buffer;
  readonly view: DataView;
  /** The element that `select` chose: its key is bytes[keyStart, keyEnd), of a leaf's the value is bytes[keyEnd, valueEnd). */
  keyStart = 0;
  keyEnd = 0;
  valueEnd = 0;
  /** Of a leaf's element: its value is a bucket. */
  isBucket = false;
  /** Of a branch's element: the page below. */
  child = 0;

  /** `id` is what the page must say of itself: 0 for one within a bucket's value. Throws DatabaseFault. */
  constructor(bytes: Buffer, id: number) {
    this.id = id;
    this.bytes = bytes;
    this.view = viewOf(bytes);
    const flags = this.view.getUint16(8, true);
    this.isLeaf = flags === pageFlag.leaf;
    this.count = this.view.getUint16(10, true);
    if (readU64(this.view, 0) !== id) this.fault("says that it is another");
    if (!this.isLeaf && flags !== pageFlag.branch) this.fault(`is of kind ${flags}`);
    if (!this.isLeaf && this.count === 0) this.fault("is a branch without children");
    if (this.elementsEnd > bytes.length) this.fault(`has no room for ${this.count} elements`);
  }

  select(index: number): void {
    const { view } = this;
    const element = pageHeaderBytes + index * leafElementBytes;
    const head = this.isLeaf ? element + 4 : element;
    this.keyStart = element + view.getUint32(head, true);
    this.keyEnd = this.keyStart + view.getUint32(head + 4, true);
    this.valueEnd = this.keyEnd;
    if (this.isLeaf) {
      const flags = view.getUint32(element, true);
      if (flags > bucketElementFlag) this.fault(`has an element with unknown flags ${flags}`);
      this.isBucket = flags === bucketElementFlag;
      this.valueEnd += view.getUint32(head + 8, true);
    } else this.child = readU64(view, element + 8);
    if (this.keyStart < this.elementsEnd || this.valueEnd > this.bytes.length)
      this.fault("has an element that lies beyond it");
    if (this.keyEnd === this.keyStart) this.fault("has an empty key");
  }

  /** A copy of the selected key. */
  key(): Buffer {
    return Buffer.from(this.bytes.subarray(this.keyStart, this.keyEnd));
  }

  /** The selected value, as a view. */
  value(): Buffer {
    return this.bytes.subarray(this.keyEnd, this.valueEnd);
  }

  /** The selected key against `key`: negative, zero or positive. */
  compareKey(key: Buffer): number {
    return this.bytes.compare(key, 0, key.length, this.keyStart, this.keyEnd);
  }

  fault(what: string): never {
    faulty(this.id === 0 ? `a page within a bucket ${what}` : `page ${this.id} ${what}`);
  }

  private get elementsEnd(): number {
    const elementBytes = this.isLeaf ? leafElementBytes : branchElementBytes;
    return pageHeaderBytes + this.count * elementBytes;
  }
}
