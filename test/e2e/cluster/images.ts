/**
 * Container images without a registry: the two small ones that the cluster itself needs are made by hand as an OCI
 * archive, and any archive can be loaded into the nodes.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { run } from "../support/run.ts";
import { inState, type NodeLayout, nodes } from "./layout.ts";
import { onNode } from "./machine.ts";

/** What holds a pod's namespaces. */
export const pauseImage = "localhost/etcd-ts-e2e/pause:1";
/** A shell and the usual small tools. */
export const busyboxImage = "localhost/etcd-ts-e2e/busybox:1";

/** Ends at once when told to, and collects orphans of pods that share their process namespace. */
const pauseScript = 'trap "exit 0" TERM INT; while :; do sleep 86400 & wait $!; done';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Loads an image archive (of OCI or Docker) into the nodes, all of them unless told otherwise. */
export async function loadImage(
  archive: string,
  into: readonly NodeLayout[] = nodes,
): Promise<void> {
  await Promise.all(
    into.map((node) => run(onNode(node, ["ctr", "-n", "k8s.io", "images", "import", archive]))),
  );
}

/** Makes the cluster's own images and loads them where they are missing. The nodes' containerd must be up. */
export async function baseImagesUp(): Promise<void> {
  const archive = inState("images", "base.tar");
  if (!existsSync(archive)) await makeBaseArchive(archive);
  const missing = await Promise.all(
    nodes.map(async (node) => {
      const names = await run(onNode(node, ["ctr", "-n", "k8s.io", "images", "ls", "-q"]));
      return [pauseImage, busyboxImage].every((name) => names.split("\n").includes(name))
        ? []
        : [node];
    }),
  );
  if (missing.flat().length > 0) await loadImage(archive, missing.flat());
}

async function makeBaseArchive(archive: string): Promise<void> {
  const work = inState("images", "base");
  rmSync(work, { recursive: true, force: true });
  const layer = await makeLayer(work);
  const layout = join(work, "layout");
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  const layerBlob = putBlob(layout, layer, "application/vnd.oci.image.layer.v1.tar");
  const images: readonly (readonly [string, readonly string[]])[] = [
    [pauseImage, ["/bin/sh", "-c", pauseScript]],
    [busyboxImage, ["/bin/sh"]],
  ];
  const manifests = images.map(([name, command]) => ({
    ...putImage(layout, layerBlob, command),
    annotations: { "io.containerd.image.name": name },
  }));
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  await run(["tar", "-C", layout, "-cf", `${archive}.new`, "."]);
  renameSync(`${archive}.new`, archive);
  rmSync(work, { recursive: true });
}

/** A root file system that holds a static busybox under the names of all its tools. */
async function makeLayer(work: string): Promise<Uint8Array> {
  const root = join(work, "root");
  for (const dir of ["bin", "dev", "etc", "proc", "sys", "tmp", "var"])
    mkdirSync(join(root, dir), { recursive: true });
  chmodSync(join(root, "tmp"), 0o1777);
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  const tools = (await run(["busybox", "--list"])).trim().split("\n");
  for (const tool of tools) if (tool !== "busybox") symlinkSync("busybox", join(root, "bin", tool));
  const layer = join(work, "layer.tar");
  await run(["tar", "-C", root, "--numeric-owner", "--owner=0", "--group=0", "-cf", layer, "."]);
  return readFileSync(layer);
}

function putImage(layout: string, layer: Descriptor, command: readonly string[]): Descriptor {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const config = {
    architecture,
    os: "linux",
    config: { Cmd: command, Env: ["PATH=/bin"] },
    rootfs: { type: "layers", diff_ids: [layer.digest] },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: putJson(layout, config, "application/vnd.oci.image.config.v1+json"),
    layers: [layer],
  };
  return putJson(layout, manifest, manifest.mediaType);
}

function putJson(layout: string, value: object, mediaType: string): Descriptor {
  return putBlob(layout, Buffer.from(JSON.stringify(value)), mediaType);
}

function putBlob(layout: string, bytes: Uint8Array, mediaType: string): Descriptor {
  const hash = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(join(layout, "blobs/sha256", hash), bytes);
  return { mediaType, digest: `sha256:${hash}`, size: bytes.length };
}
