/** The store seen past the API server, by a real etcdctl. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { peer } from "../../support/peers.ts";

const execute = promisify(execFile);

export class Etcdctl {
  readonly #endpoints: () => readonly string[];

  /** `endpoints`: host:port of the members of the moment. */
  constructor(endpoints: () => readonly string[]) {
    this.#endpoints = endpoints;
  }

  async run(...args: readonly string[]): Promise<string> {
    const all = [`--endpoints=${this.#endpoints().join(",")}`, ...args];
    const { stdout } = await execute(peer("etcdctl"), all, { maxBuffer: 1 << 28 });
    return stdout;
  }

  async json<Answer>(...args: readonly string[]): Promise<Answer> {
    return JSON.parse(await this.run(...args, "-w", "json")) as Answer;
  }

  /** The newest revision, read linearizably. */
  async revision(): Promise<number> {
    const { header } = await this.json<{ header: { revision: number } }>("get", "no such key");
    return header.revision;
  }

  /** Compacts at the newest revision and tells which that was. */
  async compactAll(): Promise<number> {
    const revision = await this.revision();
    await this.run("compaction", String(revision));
    return revision;
  }

  /** Undefined where there is no such key; the lease is "0" where it has none. */
  async find(key: string): Promise<{ value: string; lease: string } | undefined> {
    // Lease ids are larger than JavaScript's numbers hold.
    const out = await this.run("get", key, "-w", "fields");
    const value = /^"Value" : "(.*)"$/m.exec(out)?.[1];
    const lease = /^"Lease" : (\d+)$/m.exec(out)?.[1];
    return value === undefined || lease === undefined ? undefined : { value, lease };
  }
}
