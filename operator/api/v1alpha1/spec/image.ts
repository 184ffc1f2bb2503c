/** spec.image: which image the members run. */
import { Type } from "typebox";
import { choice, group, list, matching, objectName, text } from "../schema/fields.ts";

export const image = group(
  "The image of the members. Without it, a member runs the image that was the operator's default when the member was created; an upgrade of the operator restarts nothing. A change rolls the members one by one.",
  {
    repository: Type.Optional(
      text(
        'Name of the image without tag and digest, such as "registry.example/etcd-ts". Default: that of the operator.',
        {
          maxLength: 255,
          minLength: 1,
          rules: [
            matching(
              String.raw`[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*`,
              "must be a name without tag and digest, such as registry.example/etcd-ts: put these into tag and digest beside it",
            ),
          ],
        },
      ),
    ),
    tag: Type.Optional(
      text(
        "Tag of the image. Default, where neither tag nor digest is set: that of the operator's default image.",
        {
          maxLength: 128,
          minLength: 1,
          rules: [
            matching(
              "[A-Za-z0-9_][A-Za-z0-9_.-]*",
              'must be a tag such as "0.1.0": letters, digits, "_", "." and "-"',
            ),
          ],
        },
      ),
    ),
    digest: Type.Optional(
      text('Digest of the image, "sha256:" and 64 hex digits. It wins over the tag.', {
        maxLength: 71,
        minLength: 1,
        rules: [matching("sha256:[0-9a-f]{64}", 'must be "sha256:" and 64 lower-case hex digits')],
      }),
    ),
    pullPolicy: Type.Optional(
      choice(
        ["Always", "IfNotPresent", "Never"],
        "When the kubelet pulls the image. Default: that of Kubernetes.",
      ),
    ),
    pullSecrets: Type.Optional(
      list(
        "Secrets of type kubernetes.io/dockerconfigjson in the cluster's namespace, with which the image is pulled.",
        group("A Secret in the cluster's namespace.", { name: objectName("Name of the Secret.") }),
        { maxItems: 8, keys: ["name"] },
      ),
    ),
  },
);
