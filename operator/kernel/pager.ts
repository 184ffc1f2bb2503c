/** A whole list in pages, for reflectors and for looks at the live state. */
import type { ApiClient, ListOptions } from "./api-client.ts";
import { isApiError } from "./api-error.ts";
import type { CallOptions } from "./exchange.ts";
import type { KubernetesObject, ResourceType } from "./resource.ts";

export interface WholeList {
  readonly items: readonly KubernetesObject[];
  readonly resourceVersion: string;
}

/** kubectl's and client-go's page size. */
export const pageSize = 500;

/**
 * All objects of a collection at one resourceVersion. When the server forgets the version between two pages ("Expired"), the list is
 * read once more in one piece, since paging could meet the same again.
 */
export async function listAll(
  client: ApiClient,
  resource: ResourceType,
  options: Omit<ListOptions, "continueToken"> = {},
  call: CallOptions = {},
): Promise<WholeList> {
  const limit = options.limit ?? pageSize;
  const items: KubernetesObject[] = [];
  let continueToken: string | undefined;
  for (;;) {
    try {
      const page = await client.list(resource, { ...options, limit, continueToken }, call);
      items.push(...page.items);
      if (page.continueToken === "") return { items, resourceVersion: page.resourceVersion };
      continueToken = page.continueToken;
    } catch (error) {
      if (continueToken === undefined || !isApiError(error, "Expired")) throw error;
      return client.list(resource, { ...options, limit: undefined }, call);
    }
  }
}
