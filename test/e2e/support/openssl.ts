/** Certificates made by openssl, as people make them, and written into Secrets as cert-manager does: tls.crt, tls.key, ca.crt. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./run.ts";

export interface Leaf {
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly usages: readonly ("serverAuth" | "clientAuth")[];
}

export interface KeyPair {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

/** A CA with its files in a folder of its own, until it is closed. */
export class OpensslCa {
  readonly #dir = mkdtempSync(join(tmpdir(), "etcd-ts-openssl-"));
  #leaves = 0;

  private constructor() {}

  static async make(name: string): Promise<OpensslCa> {
    const ca = new OpensslCa();
    await ca.#openssl(
      ...["req", "-x509", ...newKey, "-days", "30", "-subj", `/CN=${name}`],
      ...["-keyout", "ca.key", "-out", "ca.crt"],
    );
    return ca;
  }

  get certificate(): string {
    return this.#read("ca.crt");
  }

  async issue({ commonName, dnsNames, usages }: Leaf): Promise<KeyPair> {
    this.#leaves += 1;
    const leaf = `leaf-${this.#leaves}`;
    const names = dnsNames.map((name) => `DNS:${name}`);
    const extensions = [
      "basicConstraints=critical,CA:FALSE",
      "keyUsage=critical,digitalSignature",
      `extendedKeyUsage=${usages.join(",")}`,
      ...(names.length === 0 ? [] : [`subjectAltName=${names.join(",")}`]),
    ];
    writeFileSync(join(this.#dir, `${leaf}.ext`), extensions.join("\n"));
    await this.#openssl(
      ...["req", "-new", ...newKey, "-subj", `/CN=${commonName}`],
      ...["-keyout", `${leaf}.key`, "-out", `${leaf}.csr`],
    );
    await this.#openssl(
      ...["x509", "-req", "-in", `${leaf}.csr`, "-CA", "ca.crt", "-CAkey", "ca.key"],
      ...["-days", "10", "-extfile", `${leaf}.ext`, "-out", `${leaf}.crt`],
    );
    return { certificate: this.#read(`${leaf}.crt`), key: this.#read(`${leaf}.key`) };
  }

  close(): void {
    rmSync(this.#dir, { recursive: true });
  }

  #openssl(...args: readonly string[]): Promise<string> {
    const inDir = args.map((arg) =>
      /\.(key|crt|csr|ext)$/.test(arg) ? join(this.#dir, arg) : arg,
    );
    return run(["openssl", ...inDir]);
  }

  #read(file: string): string {
    return readFileSync(join(this.#dir, file), "utf8");
  }
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
