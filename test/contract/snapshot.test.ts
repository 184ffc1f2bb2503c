/** The contract of whole states, between homes of each kind. */
import { snapshotContract } from "./snapshot.ts";

for (const from of ["LevelDB", "memory"] as const)
  for (const to of ["LevelDB", "memory"] as const) snapshotContract(from, to);
