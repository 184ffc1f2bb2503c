/**
 * Builds the images of the end-to-end tests, each only when what it is made of has changed since it was built, and writes them to files that a
 * container runtime can import. As root.
 */
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { built } from "../support/programs.ts";
import { run } from "../support/run.ts";
import { type PartSize, partSizes } from "./sizes.ts";
import {
  archiveOf,
  buildah,
  cacheDir,
  etcdctlImage,
  imageId,
  nodeImage,
  productImage,
  projectDir,
  systemImage,
  withMounted,
} from "./store.ts";

export interface BuiltImage {
  readonly name: string;
  /** Configuration digest, without "sha256:". */
  readonly id: string;
  /** File for `ctr images import`. */
  readonly archive: string;
  /** False when the image was there already and nothing had changed. */
  readonly isNew: boolean;
}

/** What .dockerignore lets through, and the recipe. */
const productSources = [
  "Dockerfile",
  ".dockerignore",
  ".npmrc",
  "package.json",
  "package-lock.json",
  "LICENSE",
  ".config/bundle.mjs",
  "node/**",
  "operator/**",
];

/** Layers that are kept from build to build, before all are thrown away: some ten builds, a quarter of a gigabyte. */
const layersMax = 200;

/** The image from the Dockerfile, and the one with the real etcdctl. */
export async function buildImages(): Promise<readonly BuiltImage[]> {
  await run(["sh", join(projectDir, "test/e2e/image/base.sh")], { timeoutMs: 10 * 60_000 });
  return [await buildProduct(), await buildEtcdctl()];
}

/** What fills the image from the Dockerfile. */
export function productSizes(): Promise<readonly PartSize[]> {
  return withMounted(productImage, partSizes);
}

async function buildProduct(): Promise<BuiltImage> {
  const paths = productSources.flatMap((pattern) => globSync(pattern, { cwd: projectDir })).sort();
  return buildUnlessThere(
    productImage,
    paths.map((path) => join(projectDir, path)),
    async () => {
      const layers = (await buildah("images", "--all", "--quiet")).split("\n").length;
      if (layers > layersMax) await buildah("rmi", "--prune", "--force");
      const npmrc = join(cacheDir, "npmrc");
      writeFileSync(
        npmrc,
        `registry=${(await run(["npm", "config", "get", "registry"])).trim()}\n`,
      );
      const { version } = JSON.parse(readFileSync(join(projectDir, "package.json"), "utf8"));
      await buildah(
        "build",
        "--isolation=chroot",
        "--force-rm",
        "--layers",
        "--pull-never",
        `--secret=id=npmrc,src=${npmrc}`,
        `--build-arg=BASE=${nodeImage}`,
        `--build-arg=RUN_BASE=${systemImage}`,
        `--build-arg=VERSION=${version}`,
        `--tag=${productImage}`,
        projectDir,
      );
    },
  );
}

function buildEtcdctl(): Promise<BuiltImage> {
  const program = join(built("etcd"), "../etcdctl");
  return buildUnlessThere(etcdctlImage, [program], async () => {
    const container = await buildah("from", "--quiet", "--pull-never", systemImage);
    await buildah("copy", "--quiet", container, program, "/usr/local/bin/etcdctl");
    await buildah("config", "--user=65532:65532", "--cmd=etcdctl version", container);
    await buildah("commit", "--quiet", "--rm", container, etcdctlImage);
  });
}

/** Builds and writes the archive; the stamp, written last, says what both were made of. */
async function buildUnlessThere(
  name: string,
  sources: readonly string[],
  build: () => Promise<void>,
): Promise<BuiltImage> {
  const archive = archiveOf(name);
  const stampFile = `${archive}.stamp`;
  const stamp = stampOf(sources);
  const before = await imageId(name);
  const isThere = existsSync(archive) && before !== undefined && readIfThere(stampFile) === stamp;
  if (isThere) return { name, id: before, archive, isNew: false };
  rmSync(stampFile, { force: true });
  await build();
  rmSync(archive, { force: true });
  await buildah("push", "--quiet", name, `docker-archive:${archive}:${name}`);
  const id = await imageId(name);
  if (id === undefined) throw new Error(`buildah has built ${name}, but does not know it`);
  writeFileSync(stampFile, stamp);
  return { name, id, archive, isNew: true };
}

/** A digest of the files' names and contents, and of the base images. */
function stampOf(paths: readonly string[]): string {
  const hash = createHash("sha256").update(readFileSync(join(cacheDir, "base.stamp")));
  for (const path of paths) {
    if (statSync(path).isFile()) hash.update(`\n${path}\n`).update(readFileSync(path));
  }
  return hash.digest("hex");
}

const readIfThere = (path: string): string | undefined =>
  existsSync(path) ? readFileSync(path, "utf8") : undefined;
