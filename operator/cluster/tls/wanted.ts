/** Which certificates a cluster of mode Managed is to have: in which Secret, with which names, for what. */
import type { EtcdCluster, EtcdMember } from "../../api/v1alpha1/types.ts";
import {
  clientTlsSecretNameOf,
  memberTlsSecretNameOf,
  operatorTlsSecretNameOf,
} from "../../resources/names.ts";
import {
  clientLeafNames,
  type LeafNames,
  operatorLeafNames,
  peerLeafNames,
  serverLeafNames,
} from "../../resources/tls-names.ts";
import { clientTlsKeys } from "../../resources/tls-secrets.ts";
import { memberTlsKeys } from "../../resources/tls-volume.ts";
import type { Holder } from "./issue-order.ts";

type Usage = "serverAuth" | "clientAuth";

export interface WantedPair {
  /** Under which keys certificate and key stand in the Secret. */
  readonly certificateKey: string;
  readonly keyKey: string;
  readonly names: LeafNames;
  readonly usages: readonly Usage[];
}

export interface WantedSecret {
  readonly secretName: string;
  readonly holder: Holder;
  readonly pairs: readonly WantedPair[];
}

/** A member's server is its own client too (etcd's gateway for HTTP/JSON), with the certificate that it serves with. */
const bothUsages: readonly Usage[] = ["serverAuth", "clientAuth"];

export function wantedOfMember(cluster: EtcdCluster, member: EtcdMember): WantedSecret {
  const memberName = member.metadata.name;
  return {
    secretName: memberTlsSecretNameOf(memberName),
    holder: { kind: "member", memberName },
    pairs: [
      {
        certificateKey: memberTlsKeys.serverCertificate,
        keyKey: memberTlsKeys.serverKey,
        names: serverLeafNames(cluster, member),
        usages: bothUsages,
      },
      {
        certificateKey: memberTlsKeys.peerCertificate,
        keyKey: memberTlsKeys.peerKey,
        names: peerLeafNames(cluster, member),
        usages: bothUsages,
      },
    ],
  };
}

/** Of the operator, and of each application of spec.tls.clients. */
export function wantedOfClients(cluster: EtcdCluster): readonly WantedSecret[] {
  const { name } = cluster.metadata;
  const operator = wantedOfClient(
    operatorTlsSecretNameOf(name),
    { kind: "operator" },
    operatorLeafNames(),
  );
  const applications = (cluster.spec.tls.clients ?? []).map((application) =>
    wantedOfClient(
      clientTlsSecretNameOf(name, application.name),
      { kind: "client", application: application.name },
      clientLeafNames(application),
    ),
  );
  return [operator, ...applications];
}

function wantedOfClient(secretName: string, holder: Holder, names: LeafNames): WantedSecret {
  const { certificate, key } = clientTlsKeys;
  return {
    secretName,
    holder,
    pairs: [{ certificateKey: certificate, keyKey: key, names, usages: ["clientAuth"] }],
  };
}
