/** Rules for the two Services. */
import type { KubernetesObject } from "../../kernel/resource.ts";
import {
  buildClientService,
  buildPeersService,
  isServiceAsBuilt,
} from "../../resources/services.ts";
import { builtFor, isKnownAsBuilt } from "../built.ts";
import { type Answer, type Rule, step, wait } from "../rule.ts";

export const peersService: Rule = ({ cluster, observed }) =>
  applied(observed.peersService, builtFor(cluster, buildPeersService));

export const clientService: Rule = ({ cluster, observed }) =>
  applied(observed.clientService, builtFor(cluster, buildClientService));

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

function applied(found: KubernetesObject | undefined, built: KubernetesObject): Answer {
  if (found?.metadata.deletionTimestamp !== undefined) return undefined;
  if (found !== undefined && isKnownAsBuilt(found, built, isServiceAsBuilt)) return undefined;
  const { name } = built.metadata;
  return step({
    kind: "apply",
    object: built,
    ...(found === undefined
      ? { reason: "CreatedService", message: `Service ${name} is created` }
      : { reason: "UpdatedService", message: `Service ${name} differs from what was asked for` }),
  });
}
