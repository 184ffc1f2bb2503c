/**
 * What a configuration decides, as a picture. Each verb takes the halves of the configuration as arguments and one line for each voter
 * as input. `commit`: the index that the voter acknowledged. `vote`: yes or no. Who is not mentioned has not answered.
 */
import type { Suite } from "../runner.ts";
import { commit } from "./commit.ts";
import { vote } from "./vote.ts";

export const quorumSuite: Suite<undefined> = {
  folder: "quorum",
  handlers: { commit, vote },
  newWorld: () => undefined,
};
