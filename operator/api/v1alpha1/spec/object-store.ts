/** Where backups lie: shared by spec.backup and spec.bootstrap. */
import { type TObject, Type } from "typebox";
import { boolean, group, objectName, text } from "../schema/fields.ts";

const credentials = (keys: string) =>
  Type.Optional(
    group(
      `Secret with the credentials: ${keys}. Without it, the identity of the pod's service account is used.`,
      { name: objectName("Name of the Secret.") },
    ),
  );

const prefix = Type.Optional(
  text("Put before the name of each object. Default: namespace/name of the EtcdCluster.", {
    maxLength: 512,
  }),
);

const bucket = (description: string) => text(description, { maxLength: 255, minLength: 1 });

const s3 = group("A bucket of S3, or of anything that speaks its protocol.", {
  bucket: bucket("Name of the bucket."),
  prefix,
  region: Type.Optional(text("Region of the bucket.", { maxLength: 64, minLength: 1 })),
  endpoint: Type.Optional(
    text("URL of the service, where it is not AWS.", {
      maxLength: 512,
      rules: [
        { rule: "isURL(self)", message: 'must be a URL such as "https://minio.example:9000"' },
      ],
    }),
  ),
  isPathStyle: boolean("Whether the bucket stands in the path, not in the host's name.", {
    default: false,
  }),
  credentialsSecretRef: credentials("accessKeyID, secretAccessKey and, if need be, sessionToken"),
});

const gcs = group("A bucket of Google Cloud Storage.", {
  bucket: bucket("Name of the bucket."),
  prefix,
  credentialsSecretRef: credentials("serviceAccount.json"),
});

const azure = group("A container of Azure Blob Storage.", {
  account: text("Name of the storage account.", { maxLength: 24, minLength: 3 }),
  container: text("Name of the container.", { maxLength: 63, minLength: 3 }),
  prefix,
  credentialsSecretRef: credentials("accountKey"),
});

const volume = group("A volume that the pod of a backup mounts.", {
  claimName: objectName("Name of the PersistentVolumeClaim."),
  path: Type.Optional(text("Folder in the volume.", { maxLength: 512 })),
});

const kinds = {
  s3: Type.Optional(s3),
  gcs: Type.Optional(gcs),
  azure: Type.Optional(azure),
  volume: Type.Optional(volume),
};

/** Exactly one kind of store. */
export const objectStore = (description: string): TObject<typeof kinds> =>
  group(description, kinds, {
    rules: [
      {
        rule: "[has(self.s3), has(self.gcs), has(self.azure), has(self.volume)].filter(x, x).size() == 1",
        message: "set exactly one of s3, gcs, azure and volume",
      },
    ],
  });
