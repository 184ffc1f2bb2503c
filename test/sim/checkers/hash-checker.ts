/** Members that stand at one revision hold the same data: their HashKV is equal (etcd's corruption check, done by somebody who sees all). */

export interface HashSeen {
  readonly member: string;
  readonly hashRevision: number;
  /** As etcd, hashes are compared only where the compact revisions are equal. */
  readonly compactRevision: number;
  readonly hash: number;
}

export class HashChecker {
  readonly violations: string[] = [];
  compared = 0;
  private readonly seen = new Map<string, HashSeen>();

  saw(hash: HashSeen): void {
    const key = `${hash.hashRevision}/${hash.compactRevision}`;
    const other = this.seen.get(key);
    if (other === undefined) {
      this.seen.set(key, hash);
      return;
    }
    this.compared += 1;
    if (other.hash === hash.hash) return;
    this.violations.push(
      `hashes differ at revision ${hash.hashRevision}, compacted at ${hash.compactRevision}: ` +
        `${other.member} has ${other.hash}, ${hash.member} ${hash.hash}`,
    );
  }
}
