/** The backend contract over both implementations. */
import { backendContract } from "./backend.ts";
import { levelDbHome, memoryHome } from "./homes.ts";
import { modelContract } from "./model.ts";
import { removalContract } from "./removal.ts";

const homes = {
  LevelDB: () => levelDbHome(),
  memory: () => memoryHome(),
  "memory with slow commits": () => memoryHome(() => 2),
};

const modelled = {
  ...homes,
  "LevelDB with small tables": () => levelDbHome(1 << 16),
};

for (const [name, makeHome] of Object.entries(homes)) {
  backendContract(name, makeHome);
  removalContract(name, makeHome);
}

for (const [name, makeHome] of Object.entries(modelled)) modelContract(name, makeHome);
