/**
 * What a member's stores have done since the start of the process, in etcd's counting (server/storage/mvcc/metrics_txn.go): operations, not keys, and as
 * transactions those of more than one operation.
 */
export class KvTotals {
  puts = 0;
  /** Deletes of a key or of a range. */
  deletes = 0;
  /** Reads of a key or of a range; inside of transactions too. */
  ranges = 0;
  txns = 0;
  /** Bytes of the keys and values that were put. */
  putBytes = 0;
  /** Records that compactions have removed. */
  compactedRecords = 0;
  /** Reads under way that hold on to a revision. */
  openReads = 0;
  private opsBefore = 0;

  /** A transaction begins. */
  begin(): void {
    this.opsBefore = this.puts + this.deletes + this.ranges;
  }

  end(): void {
    if (this.puts + this.deletes + this.ranges > this.opsBefore + 1) this.txns += 1;
  }
}
