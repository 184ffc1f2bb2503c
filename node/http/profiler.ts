/**
 * V8's own profilers of the main thread, through the inspector and without opening its port. Workers (backend merges, password hashes) are not
 * seen. A heap snapshot is left out on purpose: it stops the member for seconds, long enough for an election, and doubles its memory.
 */
import { Session } from "node:inspector/promises";

/** Bytes between two samples of the heap: that of Go's profiler. */
const heapSampleBytes = 512 * 1024;

class ProfilerBusyError extends Error {
  constructor() {
    super("cpu profiling already in use");
    this.name = "ProfilerBusyError";
  }
}

export class Profiler {
  private readonly session = new Session();
  private readonly sampling: Promise<void>;
  private isBusy = false;

  /** Samples the heap from now on, at a cost that does not show; the CPU only when it is asked for. */
  constructor() {
    this.session.connect();
    this.sampling = this.session.post("HeapProfiler.startSampling", {
      samplingInterval: heapSampleBytes,
    });
    // Whoever asks for the profile is told.
    this.sampling.catch(() => undefined);
  }

  /**
   * A CPU profile until `stop` resolves, as the text of a .cpuprofile. One at a time: V8 has one profiler for a thread.
   * @throws ProfilerBusyError
   */
  async cpu(stop: Promise<void>): Promise<string> {
    if (this.isBusy) throw new ProfilerBusyError();
    this.isBusy = true;
    const { session } = this;
    try {
      await session.post("Profiler.enable");
      await session.post("Profiler.start");
      await stop;
      const { profile } = await session.post("Profiler.stop");
      return JSON.stringify(profile);
    } finally {
      this.isBusy = false;
      await session.post("Profiler.disable");
    }
  }

  /** What lives on the heap and was allocated since the profiler was made, by where that was: the text of a .heapprofile. */
  async heap(): Promise<string> {
    await this.sampling;
    const { profile } = await this.session.post("HeapProfiler.getSamplingProfile");
    return JSON.stringify(profile);
  }

  close(): void {
    this.session.disconnect();
  }
}
