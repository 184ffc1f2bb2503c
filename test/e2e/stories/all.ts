/** The stories about one cluster, in the order in which they are played. */
import type { TlsMode } from "../support/etcd-cluster.ts";
import { corruptStory } from "./corrupt.ts";
import { deletionStory } from "./deletion.ts";
import { evictionStory } from "./eviction.ts";
import { intruderStory } from "./intruder.ts";
import { lossStory } from "./loss.ts";
import { maintenanceStory } from "./maintenance.ts";
import { nodeStory } from "./node.ts";
import { providedStory } from "./provided.ts";
import { quorumStory } from "./quorum.ts";
import { rollStory } from "./roll.ts";
import { rotateStory } from "./rotate.ts";
import { scaleStory } from "./scale.ts";
import { sleepStory } from "./sleep.ts";
import { spaceStory } from "./space.ts";
import type { Scene } from "./story.ts";
import { twinsStory } from "./twins.ts";
import { wordsStory } from "./words.ts";

export interface Story {
  readonly name: string;
  readonly play: (scene: Scene) => Promise<void>;
  /** Managed where it is left out. */
  readonly tls?: TlsMode;
}

/**
 * Lanes are played side by side, since the stories of the first one wait for clocks most of the time. The operator that `loss` kills and `twins` freezes is
 * also the one that rotates certificates meanwhile.
 */
export const lanes: readonly (readonly Story[])[] = [
  [
    { name: "rotate", play: rotateStory },
    { name: "maintenance", play: maintenanceStory },
  ],
  [
    { name: "scale", play: scaleStory },
    { name: "loss", play: lossStory },
    { name: "twins", play: twinsStory },
    { name: "roll", play: rollStory },
    { name: "eviction", play: evictionStory },
    { name: "sleep", play: sleepStory, tls: "Disabled" },
  ],
  [
    { name: "quorum", play: quorumStory },
    { name: "space", play: spaceStory },
    { name: "corrupt", play: corruptStory },
    { name: "provided", play: providedStory, tls: "Provided" },
    { name: "deletion", play: deletionStory },
    { name: "intruder", play: intruderStory },
    { name: "words", play: wordsStory },
  ],
];

/** Played afterwards, alone: they take a machine away that others would use. */
export const lastLane: readonly Story[] = [{ name: "node", play: nodeStory }];
