/** Which rights a request needs, in the words of test/chart/access-rules.ts: "group/resource verb". */
import { StatusError, type Target } from "./fake-api-types.ts";

interface Asked {
  readonly method: string;
  readonly isApply: boolean;
  readonly isWatch: boolean;
  readonly isThere: boolean;
}

/** Throws the server's refusal for the first right that is missing. */
export function authorize(rights: ReadonlySet<string>, target: Target, asked: Asked): void {
  const { resource, subresource, namespace } = target;
  const path = [resource.plural, ...(subresource === "" ? [] : [subresource])].join("/");
  for (const verb of verbsOf(target, asked)) {
    if (rights.has(`${resource.group}/${path} ${verb}`)) continue;
    const where = `in API group "${resource.group}" in the namespace "${namespace}"`;
    throw new StatusError(403, "Forbidden", `cannot ${verb} resource "${path}" ${where}`);
  }
}

function verbsOf(target: Target, { method, isApply, isWatch, isThere }: Asked): string[] {
  switch (method) {
    case "GET":
      return target.name === "" ? [isWatch ? "watch" : "list"] : ["get"];
    case "POST":
      return ["create"];
    case "PUT":
      return ["update"];
    case "PATCH":
      // An apply of what is not there creates it, but for subresources (apiserver endpoints/handlers/patch.go).
      return isApply && !isThere && target.subresource === "" ? ["patch", "create"] : ["patch"];
    default:
      return ["delete"];
  }
}
