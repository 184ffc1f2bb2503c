/** spec.access: etcd's own users and roles. */
import { Type } from "typebox";
import { boolean, group, objectName } from "../schema/fields.ts";

const auth = group(
  "Authentication of etcd.",
  {
    isEnabled: boolean("Whether clients must say who they are.", { default: false }),
    rootSecretRef: Type.Optional(
      group("Secret with the key `password` for the user root.", {
        name: objectName("Name of the Secret."),
      }),
    ),
  },
  {
    rules: [
      {
        rule: "!self.isEnabled || has(self.rootSecretRef)",
        message: "authentication needs a user root: set rootSecretRef",
      },
    ],
  },
);

export const access = group("Who may do what in etcd.", { auth });
