/** How much of the disk the backend takes: for /metrics, which may not wait for it. */
import type { BackendDisk } from "../backend/backend.ts";
import type { Clock } from "../lib/ports.ts";

/** Files are counted at most this often. */
const sampleMs = 5000;

export class DiskUsage {
  private readonly backend: () => Pick<BackendDisk, "sizeOnDisk">;
  private readonly clock: Clock;
  private last = 0;
  private lookedMs = -Infinity;

  constructor(backend: () => Pick<BackendDisk, "sizeOnDisk">, clock: Clock) {
    this.backend = backend;
    this.clock = clock;
  }

  /** As it was when the files were counted last; 0 before that. When that is a while ago, they are counted again for the next who asks. */
  get bytes(): number {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.lookedMs >= sampleMs) {
      this.lookedMs = nowMs;
      this.backend()
        .sizeOnDisk()
        .then(
          (bytes) => {
            this.last = bytes;
          },
          // The backend is being replaced, or the disk fails, which its next write will tell.
          () => undefined,
        );
    }
    return this.last;
  }
}
