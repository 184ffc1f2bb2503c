/** A certificate, its key and a CA bundle in a directory, changed in all the ways in which such files are changed. */
import { lstatSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { replaceFile, swapSecret, writeFiles, writeSecretDirectory } from "../support/pki/files.ts";

export interface SecretContent {
  readonly "ca.crt": string;
  readonly "tls.crt": string;
  readonly "tls.key": string;
}

/**
 * secret: all at once, as kubelet does it. renamed: one file after the other, each by a rename. in place: one after the other, each emptied and
 * written. torn: renamed, with a pause between certificate and key that is longer than any patience.
 */
export type Way = "secret" | "renamed" | "in place" | "torn";

/** A change is looked for every 500 ms and has to rest for 100 ms. */
const tornMs = 1000;

const names = ["ca.crt", "tls.crt", "tls.key"] as const;

export class SecretFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly #directory: string;
  #content: SecretContent;

  constructor(directory: string, content: SecretContent) {
    this.#directory = directory;
    this.#content = content;
    const paths = writeSecretDirectory(directory, { ...content });
    this.ca = paths["ca.crt"];
    this.cert = paths["tls.crt"];
    this.key = paths["tls.key"];
  }

  /** The paths stay. Resolves when all is written. */
  async write(content: SecretContent, way: Way): Promise<void> {
    const changed = names.filter((name) => content[name] !== this.#content[name]);
    this.#content = content;
    if (way === "secret") {
      swapSecret(this.#directory, { ...content });
      this.#link();
      return;
    }
    for (const name of changed) {
      if (way === "in place") writeFiles(this.#directory, { [name]: content[name] });
      else replaceFile(join(this.#directory, name), content[name]);
      if (way === "torn" && name === "tls.crt") await sleep(tornMs);
    }
  }

  /** Where files were put in the links' places, the links come back. */
  #link(): void {
    for (const name of names) {
      const path = join(this.#directory, name);
      if (lstatSync(path).isSymbolicLink()) continue;
      symlinkSync(join("..data", name), `${path}.link`);
      renameSync(`${path}.link`, path);
    }
  }
}
