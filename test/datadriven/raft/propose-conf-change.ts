/**
 * `propose-conf-change 1 v4 l5 transition=explicit`: a ConfChangeV2 with these changes; without changes it leaves a joint configuration.
 * With `old-form`, an entry in the old form with its one change.
 */
import assert from "node:assert/strict";
import { emptyBytes } from "../../../node/lib/bytes.ts";
import {
  confChangeTransition,
  encodeConfChange,
  encodeConfChangeV2,
} from "../../../node/proto/conf-change-codec.ts";
import { entryType } from "../../../node/raft/types.ts";
import { parseChange } from "../conf-change-text.ts";
import type { Handler } from "../runner.ts";
import { type Cluster, idOf } from "./cluster.ts";

const transitions = new Map<string, number>([
  ["auto", confChangeTransition.auto],
  ["implicit", confChangeTransition.jointImplicit],
  ["explicit", confChangeTransition.jointExplicit],
]);

export const proposeConfChange: Handler<Cluster> = (cluster, command) => {
  const isOldForm = command.flag("old-form");
  const transition = transitions.get(command.option("transition", "auto"));
  assert.ok(transition !== undefined, "auto, implicit or explicit");
  const [id = "", ...words] = command.positions();
  const changes = words.map(parseChange);
  const [first] = changes;
  const proposal =
    isOldForm && first !== undefined
      ? {
          type: entryType.confChange,
          data: encodeConfChange({ id: 0n, ...first, context: emptyBytes }),
        }
      : {
          type: entryType.confChangeV2,
          data: encodeConfChangeV2({ transition, changes, context: emptyBytes }),
        };
  return cluster.node(idOf(id)).raw.propose([proposal]) ? cluster.news() : ["dropped"];
};
