/** Whom one side of a cluster believes and who issues its certificates, through the changes of a rotation. */
import { type LeafOptions, TestCa, type TestLeaf } from "../support/pki.ts";

export type Side = "client" | "peer";

export class Trust {
  readonly #name: string;
  #bundle: readonly TestCa[];
  #issuer: TestCa;

  constructor(side: Side) {
    // Every CA of the side has this name: only keys tell them apart, as after the renewal of a CA.
    this.#name = `${side} CA`;
    this.#issuer = TestCa.create(this.#name);
    this.#bundle = [this.#issuer];
  }

  /** What everybody is to believe. */
  get bundlePem(): string {
    return this.#bundle.map(({ certPem }) => certPem).join("");
  }

  /** By the CA that issues at the moment. */
  leaf(options: LeafOptions): TestLeaf {
    return this.#issuer.leaf(options);
  }

  /** A new CA is believed beside the present one, which goes on issuing. Gives the new one. */
  extend(): TestCa {
    const added = TestCa.create(this.#name);
    this.#bundle = [...this.#bundle, added];
    return added;
  }

  /** The CA that was added last issues from now on. */
  switchIssuer(): void {
    this.#issuer = this.#bundle.at(-1) ?? this.#issuer;
  }

  /** Only the CA that issues is believed from now on. */
  shrink(): void {
    this.#bundle = [this.#issuer];
  }
}
