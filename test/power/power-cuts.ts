/**
 * Cuts the power under load. The member's data directory is on ext4 on a loop device; at a random moment the disk's image is
 * copied while everything goes on; the copy is mounted (ext4 replays its journal), a fresh member starts on it, and every
 * write acknowledged before the copy began must be there.
 *
 * Why the copy is sound. A plain `cp` of the image file mixes times: it may miss a flushed early block and have a later one,
 * a picture no power cut leaves, and a false alarm. Freezing the file system is wrong the other way: it flushes. Reflinks and
 * device-mapper snapshots are right but need a file system or a kernel that is often not there. So the image file is served
 * by a program of ours (disk-process.ts, FUSE) that answers one read, write or flush after the other. A cut is one more
 * request in that line, hence a single point in time, and because the program sees every flush it can leave out any part of
 * what was written after the last one, as a disk with a write cache does (disk-image.ts). What ext4 still has in the page
 * cache has never reached the program and is lost by itself.
 *
 *   member ▸ ext4 ▸ loop device ▸ FUSE file ▸ disk-process.ts ──cut──▶ copy.img ▸ loop device ▸ ext4 ▸ fresh member ▸ check
 *
 * The moment of the crash is read by the disk as it takes the picture, from the monotonic clock that all processes share: an
 * acknowledgement that had arrived by then was sent before. The member and the load live on through many cuts; now and then they move onto
 * the recovered copy, so that recoveries stand on recoveries.
 */
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { History } from "../support/history.ts";
import { type CuttableDisk, makeImage, mountImage, startDisk } from "../support/loop-image.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { cutModes, machineMs, seededRandom } from "./disk-image.ts";
import {
  checkRecovered,
  choosePorts,
  isFailed,
  type Ports,
  proveWritable,
  type Recovered,
  type RigOptions,
  type Round,
  replayedEntries,
  roundLine,
  startMember,
} from "./rig.ts";
import { Workload } from "./workload.ts";

/** After this many cuts on average the load moves onto a recovered copy. */
const cutsPerGeneration = 8;
/** While a copy is checked each writer rests about this long between writes. */
const slowPauseMs = 30;
/** Two clocks cannot be read at once; the crash is dated back by more than that can matter. */
const clockErrorMs = 0.1;

/** Runs until `cuts` rounds are over or one failed; the rounds that were run. */
export async function runPowerCuts(options: RigOptions, cuts: number): Promise<Round[]> {
  const rig = new PowerCutRig(options, await choosePorts());
  const rounds: Round[] = [];
  try {
    await rig.begin();
    for (let number = 1; number <= cuts; number += 1) {
      const round = await rig.round(number);
      options.print(roundLine(round));
      rounds.push(round);
      if (isFailed(round)) break;
    }
  } finally {
    await rig.end();
  }
  return rounds;
}

class PowerCutRig {
  readonly #options: RigOptions;
  readonly #random: () => number;
  readonly #history = new History();
  readonly #workload: Workload;
  readonly #ports: Ports;
  readonly #image: string;
  readonly #copy: string;
  #disk: CuttableDisk | undefined;
  #member: ServerProcess | undefined;

  constructor(options: RigOptions, ports: Ports) {
    this.#options = options;
    this.#ports = ports;
    this.#random = seededRandom(options.seed);
    this.#workload = new Workload(this.#history, { writers: options.writers, seed: options.seed });
    this.#image = join(options.workDirectory, "base.img");
    this.#copy = join(options.workDirectory, "copy.img");
  }

  async begin(): Promise<void> {
    await mkdir(this.#options.workDirectory, { recursive: true });
    await makeImage(this.#image, this.#options.imageMebibytes);
    const member = await this.#startLive();
    // A broken server shall lose writes, which says more than a directory that was never made.
    await this.#disk?.sync();
    this.#workload.start(member.address);
  }

  async end(): Promise<void> {
    await this.#member?.stop("SIGKILL");
    await this.#workload.stop();
    await this.#disk?.close();
  }

  /** One cut, its check, and now and then the move onto the copy. */
  async round(number: number): Promise<Round> {
    const began = performance.now();
    const seed = Math.floor(this.#random() * 2 ** 31);
    const random = seededRandom(seed);
    this.#workload.slowDown(0);
    await sleep(50 + random() ** 2 * 2500);
    const mode = cutModes[Math.floor(random() * cutModes.length)] ?? "subset";
    const base = {
      number,
      seed,
      how: mode as string,
      acknowledged: 0,
      keys: 0,
      replayed: "-",
      recoveryMs: 0,
    };
    try {
      if (this.#disk === undefined) throw new Error("no disk");
      this.#refuseBrokenLoad();
      const flushes = Math.floor(random() * 4);
      const cut = await this.#disk.cut(this.#copy, { mode, seed, flushes });
      const crashMs = cut.atMs - machineMs() + performance.now() - clockErrorMs;
      base.acknowledged = this.#history.acknowledgedCount;
      base.how = `${mode} ${cut.keptSectors}/${cut.unflushedSectors} sectors`;
      this.#workload.slowDown(slowPauseMs);
      const isTwice = random() < 0.25;
      const checked = await this.#checkCopy(crashMs, isTwice);
      Object.assign(base, {
        keys: checked.state.keys.size,
        replayed: checked.replayed,
        recoveryMs: checked.recoveryMs,
      });
      if (checked.violations.length === 0 && random() < 1 / cutsPerGeneration) {
        base.how += " +gen";
        await this.#moveOntoCopy(crashMs);
      }
      return { ...base, totalMs: performance.now() - began, violations: checked.violations };
    } catch (error) {
      return { ...base, totalMs: performance.now() - began, violations: [], error: String(error) };
    }
  }

  /** Mounts the image and starts the member that the load will write to. */
  async #startLive(): Promise<ServerProcess> {
    this.#disk = await startDisk(this.#image, this.#options.workDirectory);
    this.#member = startMember(this.#options, {
      dataDirectory: join(this.#disk.directory, "data"),
      logFile: join(this.#options.workDirectory, "member.log"),
      ports: this.#ports,
      advertised: this.#ports,
    });
    await this.#member.ready();
    return this.#member;
  }

  #refuseBrokenLoad(): void {
    if (this.#member?.end !== undefined)
      throw new Error(`the member under load ${this.#member.end}\n${this.#member.logTail()}`);
    if (this.#workload.failure !== undefined)
      throw new Error(`a write under load failed: ${this.#workload.failure}`);
  }

  /** Starts a member on the mounted copy and checks it; `isTwice`: kills it after two more writes and checks again. */
  async #checkCopy(
    crashMs: number,
    isTwice: boolean,
  ): Promise<Recovered & { recoveryMs: number; replayed: string }> {
    // The image that the next generation would start from stays as the cut left it.
    const mounted = await mountImage(this.#copy, join(this.#options.workDirectory, "copy"));
    const logFile = join(this.#options.workDirectory, "copy.log");
    await rm(logFile, { force: true });
    const ports = await choosePorts();
    const dataDirectory = join(mounted.directory, "data");
    const start = (): ServerProcess =>
      startMember(this.#options, { dataDirectory, logFile, ports, advertised: this.#ports });
    const began = performance.now();
    let member = start();
    try {
      await member.ready();
      const recoveryMs = performance.now() - began;
      const replayed = replayedEntries(logFile);
      let recovered = await checkRecovered(member.address, this.#history, crashMs);
      if (recovered.violations.length === 0)
        await proveWritable(member.address, recovered.state.revision);
      if (recovered.violations.length === 0 && isTwice) {
        await member.stop("SIGKILL");
        member = start();
        await member.ready();
        recovered = await checkRecovered(member.address, this.#history, crashMs);
      }
      return { ...recovered, recoveryMs, replayed };
    } finally {
      await member.stop("SIGKILL");
      await mounted.unmount();
    }
  }

  /** The load's member and disk end, and go on with the recovered copy as their disk. */
  async #moveOntoCopy(crashMs: number): Promise<void> {
    await this.#member?.stop("SIGKILL");
    await this.#workload.stop();
    await this.#disk?.close();
    this.#disk = undefined;
    await rename(this.#copy, this.#image);
    const member = await this.#startLive();
    const { state, violations } = await checkRecovered(member.address, this.#history, crashMs);
    if (violations.length > 0)
      throw new Error(`lost at the second start on the copy: ${JSON.stringify(violations[0])}`);
    this.#history.rebase(state);
    this.#workload.forgetGone();
    this.#workload.start(member.address);
  }
}
