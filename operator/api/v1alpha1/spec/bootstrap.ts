/** spec.bootstrap: what a new cluster begins with. Immutable: a cluster is born once. */
import { Type } from "typebox";
import { boolean, group, integer, list, objectName, text } from "../schema/fields.ts";
import { objectStore } from "./object-store.ts";

const restore = group("Begins with the data of a backup.", {
  store: objectStore("Where the backup lies."),
  object: Type.Optional(
    text("Name of the backup in the store. Default: the newest.", {
      maxLength: 1024,
      minLength: 1,
    }),
  ),
  bumpRevision: integer("How far revisions are moved on, so that clients never see one twice.", {
    minimum: 0,
    maximum: 1_000_000_000_000,
    default: 1_000_000_000,
    format: "int64",
  }),
  isMarkedCompacted: boolean(
    "Whether all revisions before count as compacted, so that watches of old clients end and begin anew.",
    { default: true },
  ),
});

const join = group("Becomes part of a running etcd cluster, and takes it over.", {
  endpoints: list(
    "Client URLs of the running cluster.",
    text("A client URL.", {
      maxLength: 512,
      rules: [{ rule: "isURL(self)", message: 'must be a URL such as "https://etcd-0:2379"' }],
    }),
    { maxItems: 9, minItems: 1, isSet: true },
  ),
  tlsSecretRef: Type.Optional(
    group("Secret with tls.crt, tls.key and ca.crt of a client of the running cluster.", {
      name: objectName("Name of the Secret."),
    }),
  ),
  cutover: boolean(
    "Whether the members that are not ours are removed once all of ours are voters.",
    { default: false },
  ),
});

export const bootstrap = group(
  "What a new cluster begins with; without it, with nothing. Immutable.",
  { restore: Type.Optional(restore), join: Type.Optional(join) },
  {
    rules: [
      {
        rule: "has(self.restore) != has(self.join)",
        message: "set either restore or join",
      },
    ],
  },
);
