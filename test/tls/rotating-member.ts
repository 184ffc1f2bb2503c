/** One member whose certificates change while it runs: its process, its files, and what both its ports show. */
import { join } from "node:path";
import { until } from "../cluster/until.ts";
import { type LeafOptions, type TestLeaf } from "../support/pki.ts";
import { ourServer, ServerProcess } from "../support/server-process.ts";
import { type DialAnswer, type DialOptions, dial } from "./dial.ts";
import { type SecretContent, SecretFiles, type Way } from "./secret-files.ts";
import type { Side, Trust } from "./trust.ts";

export const sides = ["client", "peer"] as const;

/** For each side. */
export type BySide<Value> = Readonly<Record<Side, Value>>;

export interface MemberPlace {
  readonly name: string;
  /** For data, log and certificates. */
  readonly directory: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** The other members dial this one, where a proxy stands. */
  readonly advertisedPeerPort: number;
  readonly initialCluster: string;
  /** What health is asked with. */
  readonly clientFiles: SecretFiles;
}

/** Both names and the address, as a certificate for a pod has them. */
const memberLeaf: LeafOptions = { commonName: "member" };

export class RotatingMember {
  readonly name: string;
  readonly place: MemberPlace;
  readonly #trusts: BySide<Trust>;
  readonly #files: BySide<SecretFiles>;
  #leaves: BySide<TestLeaf>;
  #process: ServerProcess | undefined;

  constructor(place: MemberPlace, trusts: BySide<Trust>) {
    this.name = place.name;
    this.place = place;
    this.#trusts = trusts;
    this.#leaves = this.#newLeaves();
    const files = (side: Side) =>
      new SecretFiles(join(place.directory, `${place.name}-${side}-tls`), this.#content(side));
    this.#files = { client: files("client"), peer: files("peer") };
  }

  /** Of its endpoint for clients. */
  get address(): string {
    return `127.0.0.1:${this.place.clientPort}`;
  }

  get logFile(): string {
    return join(this.place.directory, `${this.name}.log`);
  }

  /** How its process ended; undefined while it runs. */
  get end(): string | undefined {
    return this.#process?.end;
  }

  /** Starts the process and waits for nothing. */
  start(): void {
    const command = ourServer();
    if (command === undefined) throw new Error("there is no server to test: run npm run build");
    const { place } = this;
    const { client, peer } = this.#files;
    this.#process = new ServerProcess({
      ...{ ...place, command, logFile: this.logFile },
      dataDirectory: join(place.directory, this.name),
      tls: {
        ...{ ca: client.ca, cert: client.cert, key: client.key },
        clientCert: place.clientFiles.cert,
        clientKey: place.clientFiles.key,
      },
      peerTls: peer,
      flags: ["--peer-cert-allowed-cn=member"],
    });
  }

  async ready(): Promise<void> {
    await this.#process?.ready(60_000);
  }

  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await this.#process?.stop(signal);
  }

  /** New leaves for both sides, by whoever issues now. Resolves when they are on the disk. */
  async renewLeaves(way: Way): Promise<void> {
    this.#leaves = this.#newLeaves();
    await this.#write(way);
  }

  /** The bundles as they are to be now. */
  renewBundles(way: Way): Promise<void> {
    return this.#write(way);
  }

  /** Resolves when both ports show the leaves of the last renewal, to whoever is given; gives how long that took. */
  async untilShown(leaves: BySide<TestLeaf>): Promise<number> {
    const beganMs = performance.now();
    for (const side of sides) {
      const { fingerprint256 } = this.#leaves[side].certificate;
      await until(`${this.name} to show its new certificate on its ${side} port`, async () => {
        const answer = await this.dial(side, leaves[side]);
        const isShown = answer.fingerprint === fingerprint256;
        return (isShown && answer.isBelieved && answer.isAccepted) || undefined;
      });
    }
    return performance.now() - beganMs;
  }

  /** Resolves when both ports let these in, or when both refuse them; gives how long that took. */
  async untilJudged(leaves: BySide<TestLeaf>, verdict: "accepted" | "refused"): Promise<number> {
    const beganMs = performance.now();
    for (const side of sides) {
      await until(`a certificate ${verdict} by ${this.name} on its ${side} port`, async () => {
        const { isAccepted } = await this.dial(side, leaves[side]);
        return isAccepted === (verdict === "accepted") || undefined;
      });
    }
    return performance.now() - beganMs;
  }

  dial(
    side: Side,
    leaf: TestLeaf,
    more: Pick<DialOptions, "session" | "maxVersion"> = {},
  ): Promise<DialAnswer> {
    const isClient = side === "client";
    return dial({
      port: isClient ? this.place.clientPort : this.place.peerPort,
      protocol: isClient ? "h2" : "http/1.1",
      caPem: this.#trusts[side].bundlePem,
      leaf,
      ...more,
    });
  }

  #newLeaves(): BySide<TestLeaf> {
    return {
      client: this.#trusts.client.leaf(memberLeaf),
      peer: this.#trusts.peer.leaf(memberLeaf),
    };
  }

  #content(side: Side): SecretContent {
    const { chainPem, keyPem } = this.#leaves[side];
    return { "ca.crt": this.#trusts[side].bundlePem, "tls.crt": chainPem, "tls.key": keyPem };
  }

  async #write(way: Way): Promise<void> {
    await Promise.all(sides.map((side) => this.#files[side].write(this.#content(side), way)));
  }
}
