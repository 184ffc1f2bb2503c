/** Rules for the two Services. */
import type { KubernetesObject } from "../../kernel/resource.ts";
import {
  buildClientService,
  buildPeersService,
  isServiceAsBuilt,
} from "../../resources/services.ts";
import { type Rule, step, wait } from "../rule.ts";
import type { Plan } from "../step.ts";

export const peersService: Rule = ({ cluster, observed }) =>
  applied(observed.peersService, buildPeersService(cluster));

export const clientService: Rule = ({ cluster, observed }) =>
  applied(observed.clientService, buildClientService(cluster));

/** A Service under deletion (a load balancer's waits for its cloud) is not written to; it comes anew when it is gone. */
export const serviceTerminating: Rule = ({ observed: { peersService, clientService } }) => {
  const going = [peersService, clientService].find(
    (service) => service?.metadata.deletionTimestamp !== undefined,
  );
  return going === undefined
    ? undefined
    : wait(
        "ServiceTerminating",
        `Service ${going.metadata.name} is being deleted, and made anew after that`,
      );
};

function applied(found: KubernetesObject | undefined, built: KubernetesObject): Plan | undefined {
  if (found?.metadata.deletionTimestamp !== undefined) return undefined;
  if (found !== undefined && isServiceAsBuilt(found, built)) return undefined;
  const { name } = built.metadata;
  return step({
    kind: "apply",
    object: built,
    ...(found === undefined
      ? { reason: "CreatedService", message: `Service ${name} is created` }
      : { reason: "UpdatedService", message: `Service ${name} differs from what was asked for` }),
  });
}
