/**
 * `deliver-messages 1 2 from=(3) types=(MsgApp) count=1`: what is on its way to these nodes, and fits the conditions, arrives; with `drop`
 * it is lost, with `duplicate` it arrives and stays on its way, with `newest-first` it comes in reverse order. `messages`: what is on its way.
 */
import type { Handler } from "../runner.ts";
import { type Cluster, idOf } from "./cluster.ts";
import { formatMessage } from "./format.ts";

export const deliverMessages: Handler<Cluster> = (cluster, command) => {
  const isDrop = command.flag("drop");
  const isDuplicate = command.flag("duplicate");
  const isNewestFirst = command.flag("newest-first");
  const from = command.list("from").map(idOf);
  const types = command.list("types");
  const count = command.number("count", Infinity);
  const to = cluster.nodesOf(command).map(({ id }) => id);
  const inOrder = isNewestFirst ? cluster.inTransit.toReversed() : cluster.inTransit;
  const chosen = inOrder
    .filter(
      (message) =>
        to.includes(message.to) &&
        (from.length === 0 || from.includes(message.from)) &&
        (types.length === 0 || types.includes(message.type)),
    )
    .slice(0, count);
  if (!isDuplicate) cluster.inTransit = cluster.inTransit.filter((it) => !chosen.includes(it));
  if (isDrop) return chosen.map((message) => `lost ${formatMessage(message)}`);
  return chosen.flatMap((message) => cluster.deliver(message));
};

export const messages: Handler<Cluster> = (cluster) => cluster.inTransit.map(formatMessage);
