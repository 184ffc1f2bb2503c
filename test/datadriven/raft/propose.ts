/** `propose 1 a b`: a proposal for each word, in one batch; with `size=100` one of that many bytes. */
import { fromText } from "../../../node/lib/bytes.ts";
import { entryType } from "../../../node/raft/types.ts";
import type { Handler } from "../runner.ts";
import { type Cluster, idOf } from "./cluster.ts";

export const propose: Handler<Cluster> = (cluster, command) => {
  const size = command.number("size", 0);
  const [id = "", ...texts] = command.positions();
  if (size > 0) texts.push("x".repeat(size));
  const proposals = texts.map((text) => ({ type: entryType.normal, data: fromText(text) }));
  const isTaken = cluster.node(idOf(id)).raw.propose(proposals);
  return isTaken ? cluster.news() : ["dropped"];
};
