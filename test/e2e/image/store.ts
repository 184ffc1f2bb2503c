/**
 * buildah with a storage of its own below the cache folder, so that a build leaves nothing elsewhere on the machine and pulls nothing: what
 * the end-to-end images are called, where their archives are, and running buildah on them.
 */
import { homedir } from "node:os";
import { join, resolve } from "node:path";

import { run } from "../support/run.ts";

export const projectDir = resolve(import.meta.dirname, "../../..");

/** Everything of the images: storage, archives, stamps. base.sh says the same. */
export const cacheDir = join(
  process.env["ETCD_TS_CACHE"] ?? join(homedir(), ".cache/etcd-ts"),
  "image",
);

/** Made by base.sh: the plain system, and the system with Node.js and npm. */
export const systemImage = "localhost/debian:bookworm-test";
export const nodeImage = "localhost/node:24-test";

/** What is built from the Dockerfile. */
export const productImage = "localhost/etcd-ts:e2e";
/** The real etcdctl on the plain system, for pods that judge the product from outside. */
export const etcdctlImage = "localhost/etcdctl:e2e";

/** The file with an image in the format of `docker save`, which `ctr images import` reads with its name. */
export function archiveOf(image: string): string {
  return join(cacheDir, `${image.replace(/^localhost\//, "").replaceAll(/[^a-z0-9]+/g, "-")}.tar`);
}

/** Runs buildah and returns what it printed, without the last line's end. */
export async function buildah(command: string, ...args: string[]): Promise<string> {
  const storage = ["--root", join(cacheDir, "storage"), "--runroot", join(cacheDir, "storage-run")];
  const timeoutMs = 10 * 60_000;
  return (await run(["buildah", ...storage, command, ...args], { timeoutMs })).trimEnd();
}

/** The image's configuration digest without "sha256:", by which container runtimes know it too; undefined when there is no such image. */
export async function imageId(image: string): Promise<string | undefined> {
  const list = JSON.parse(await buildah("images", "--json")) as { id: string; names?: string[] }[];
  return list.find(({ names }) => names?.includes(image) === true)?.id;
}

/** Calls `work` with a folder in which the image's files are. */
export async function withMounted<T>(
  image: string,
  work: (folder: string) => T | Promise<T>,
): Promise<T> {
  const container = await buildah("from", "--quiet", "--pull-never", image);
  try {
    return await work(await buildah("mount", container));
  } finally {
    await buildah("rm", container);
  }
}
