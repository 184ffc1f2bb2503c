/** Objects of all kinds that are made, changed and in part deleted, by several hands at once; each acknowledged change is told. */
import type { ApiClient } from "../../../operator/kernel/api-client.ts";
import type { ResourceType } from "../../../operator/kernel/resource.ts";
import { inParallel } from "./bulk.ts";
import { countPatch, kinds, objectOf } from "./kinds.ts";
import type { Change } from "./watch-crowd.ts";

export interface ChangesOptions {
  /** Namespaces. */
  readonly spaces: readonly string[];
  /** Values of the label "group". */
  readonly groups: readonly string[];
  /** For each kind, namespace and group. */
  readonly objects: number;
}

const patches = 3;
const hands = 16;

/** All changes of one object stand in their order. */
export async function changeAll(
  client: ApiClient,
  { spaces, groups, objects }: ChangesOptions,
): Promise<Change[]> {
  const changes: Change[] = [];
  const lives = kinds.flatMap((kind) =>
    spaces.flatMap((namespace) =>
      groups.flatMap((group) =>
        Array.from({ length: objects }, (_, at) => ({ kind, namespace, group, at })),
      ),
    ),
  );
  await inParallel(lives.length, hands, async (number) => {
    const life = lives[number];
    if (life !== undefined) await live(client, life, changes);
  });
  return changes;
}

interface Life {
  readonly kind: ResourceType;
  readonly namespace: string;
  readonly group: string;
  readonly at: number;
}

/** Every third object is deleted at the end. */
async function live(client: ApiClient, life: Life, changes: Change[]): Promise<void> {
  const { kind, namespace, group, at } = life;
  const place = { namespace, name: `${group}-${at}` };
  let object = await client.create(kind, objectOf(kind, place, { group }));
  changes.push({ type: "ADDED", kind, object });
  for (let count = 1; count <= patches; count += 1) {
    const patch = countPatch(count, object.metadata.resourceVersion);
    object = await client.patch(kind, place, patch, { type: "merge" });
    changes.push({ type: "MODIFIED", kind, object });
  }
  if (at % 3 !== 0) return;
  await client.delete(kind, place);
  changes.push({ type: "DELETED", kind, object });
}
