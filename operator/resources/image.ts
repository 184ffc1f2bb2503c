/** Which image a member is to run. */
import type { ImageSpec } from "../api/v1alpha1/types.ts";

interface ImageName {
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/**
 * The image that the spec asks for; what it leaves open stays as in `base`: the image a member runs already, the operator's default for a new
 * member. So neither a spec that names no image nor one that names only a repository moves a member when the operator gets a new default.
 */
export function imageOf(spec: ImageSpec | undefined, base: string): string {
  const { repository, tag, digest } = spec ?? {};
  if (repository === undefined && tag === undefined && digest === undefined) return base;
  const from = parseImage(base);
  if (tag !== undefined || digest !== undefined) {
    return formatImage({ repository: repository ?? from.repository, tag, digest });
  }
  if (repository === undefined || repository === from.repository) return base;
  // A digest is of one manifest, which another repository need not have: the tag is what people mean by the same image elsewhere.
  return formatImage({
    repository,
    tag: from.tag,
    digest: from.tag === undefined ? from.digest : undefined,
  });
}

/** Splits repository[:tag][@digest]. A colon before the last slash belongs to the port of the host. */
function parseImage(image: string): ImageName {
  const at = image.indexOf("@");
  const named = at < 0 ? image : image.slice(0, at);
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  return {
    repository: hasTag ? named.slice(0, colon) : named,
    tag: hasTag ? named.slice(colon + 1) : undefined,
    digest: at < 0 ? undefined : image.slice(at + 1),
  };
}

function formatImage({ repository, tag, digest }: ImageName): string {
  return `${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}
