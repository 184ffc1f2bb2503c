/** Options that can break what consensus promises. */
import { booleanOption } from "./option.ts";

export const unsafeOptions = {
  "force-new-cluster": booleanOption(
    false,
    "make this member, with the data that it has, the only one of its cluster",
  ),
};
