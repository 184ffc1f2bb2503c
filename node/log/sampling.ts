/**
 * Keeps a flood of equal lines from becoming the member's main work: of each message and level the first hundred of a second are written, then every
 * hundredth (etcd's zap sampling, client/pkg/logutil/zap.go). Messages are constant texts, so few are counted.
 */

const firstPerSecond = 100;
const thenEvery = 100;

export class Sampling {
  private readonly counts = new Map<string, number>();
  private second = -1;

  /** Whether this line is written. `unixMs`: its time. */
  admits(level: string, message: string, unixMs: number): boolean {
    const second = Math.floor(unixMs / 1000);
    if (second !== this.second) {
      this.second = second;
      this.counts.clear();
    }
    const key = `${level} ${message}`;
    const count = (this.counts.get(key) ?? 0) + 1;
    this.counts.set(key, count);
    return count <= firstPerSecond || (count - firstPerSecond) % thenEvery === 0;
  }
}
