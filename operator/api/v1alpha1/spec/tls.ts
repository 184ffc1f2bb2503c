/** spec.tls: who issues certificates, and what they are like. */
import { Type } from "typebox";
import {
  boolean,
  choice,
  group,
  integer,
  list,
  matching,
  objectName,
  text,
} from "../schema/fields.ts";
import { notServed, servedOnly } from "../schema/served.ts";

const secretRef = (description: string) =>
  group(description, { name: objectName("Name of the Secret.") });

const issuerRef = group("The issuer of cert-manager, for mode CertManager.", {
  name: objectName("Name of the issuer."),
  kind: choice(["Issuer", "ClusterIssuer"], "Kind of the issuer.", { default: "Issuer" }),
  group: text("API group of the issuer.", { maxLength: 253, default: "cert-manager.io" }),
});

const provided = group(
  "Secrets with certificates that you make yourself, or have cert-manager make, for mode Provided. They are followed: members use a new certificate without a restart.",
  {
    serverSecretRef: secretRef(
      "tls.crt, tls.key and ca.crt for the client port. The certificate must hold the names of all members (*.<name>-peers.<namespace>.svc.<domain>) and of the Service <name>-client; ca.crt is what clients' certificates are checked by.",
    ),
    peerSecretRef: secretRef(
      "tls.crt, tls.key and ca.crt for the peer port. The certificate must be for servers and clients and hold the names of all members (*.<name>-peers.<namespace>.svc.<domain>).",
    ),
    operatorSecretRef: secretRef(
      "tls.crt, tls.key and ca.crt with which the operator is a client.",
    ),
  },
);

const peer = group("TLS between members.", {
  allowedCommonName: Type.Optional(
    text(
      "With mode Provided: common name that a peer's certificate must have. Without it, every certificate of the peers' CA is let in. With mode Managed the operator sets it.",
      { maxLength: 64, minLength: 1 },
    ),
  ),
});

const client = group(
  "TLS towards clients.",
  {
    requireClientCert: boolean(
      "Whether a client must show a certificate of the cluster's CA. A change rolls the members one by one.",
      { default: true },
    ),
  },
  { default: {} },
);

/** What the common name of a peer ends with: no client may have such a name, or it could be a peer. */
const peerEnding = ".etcd-peer";

const application = group("A certificate for an application.", {
  name: text("Name of the application, which stands in the name of the Secret.", {
    maxLength: 63,
    minLength: 1,
    rules: [
      matching("[a-z0-9]([-a-z0-9]*[a-z0-9])?", "must be lower-case letters, digits and '-'"),
    ],
  }),
  commonName: Type.Optional(
    text("Common name of the certificate: the user in etcd. Default: the name.", {
      maxLength: 64,
      minLength: 1,
      rules: [
        matching(
          "[A-Za-z0-9]([-A-Za-z0-9._@: ]*[A-Za-z0-9])?",
          "must be letters, digits, '-', '.', '_', '@', ':' and spaces, beginning and ending with a letter or digit",
        ),
        {
          rule: `!self.endsWith('${peerEnding}')`,
          message: `must not end with ${peerEnding}, which members are known by: choose another one`,
        },
      ],
    }),
  ),
});

const ca = group(
  "The CA that the operator makes, in the Secret `<name>-ca`, for mode Managed.",
  {
    validityDays: integer("How long a CA certificate is valid, in days.", {
      minimum: 30,
      maximum: 36500,
      default: 3650,
    }),
    overlapDays: integer("How long before its end it is followed by the next CA, in days.", {
      minimum: 1,
      maximum: 3650,
      default: 365,
    }),
  },
  {
    default: {},
    rules: [
      {
        rule: "self.overlapDays < self.validityDays",
        message: "overlapDays must be below validityDays: set it lower",
      },
    ],
  },
);

const leaf = group(
  "Certificates of members and clients, for mode Managed.",
  {
    validityDays: integer("How long a certificate is valid, in days.", {
      minimum: 1,
      maximum: 3650,
      default: 90,
    }),
    renewAtPercent: integer(
      "After how much of its life a certificate is renewed, in percent. At least a third is left, so that an operator that is down costs nothing.",
      { minimum: 10, maximum: 67, default: 67 },
    ),
    keyType: choice(["ECDSA-P256", "RSA-2048", "RSA-4096"], "Kind of the keys.", {
      default: "ECDSA-P256",
    }),
  },
  { default: {} },
);

const extraSans = group("Further names of the client port, for certificates that we issue.", {
  dnsNames: Type.Optional(
    list(
      "DNS names.",
      text("A DNS name; a leading *. stands for one label.", { maxLength: 253, minLength: 1 }),
      { maxItems: 16, isSet: true },
    ),
  ),
  ipAddresses: Type.Optional(
    list(
      "IP addresses.",
      text("An IPv4 or IPv6 address.", {
        maxLength: 45,
        minLength: 2,
        rules: [{ rule: "isIP(self)", message: "must be an IPv4 or IPv6 address" }],
      }),
      { maxItems: 16, isSet: true },
    ),
  ),
});

export const tls = group(
  "Encryption of client and peer traffic.",
  {
    mode: servedOnly(
      choice(
        ["Managed", "CertManager", "Provided", "Disabled"],
        "Who issues the certificates: the operator (Managed), cert-manager, or you (Provided). Disabled is plain text. Immutable: it is part of the members' URLs.",
        { default: "Managed" },
      ),
      ["Managed", "Provided", "Disabled"],
      "this version of etcd-ts makes no objects for cert-manager: set spec.tls.mode to Provided, with the Secrets of certificates that cert-manager issues for you",
    ),
    issuerRef: notServed(issuerRef),
    provided: Type.Optional(provided),
    peer: Type.Optional(peer),
    client,
    clients: Type.Optional(
      list(
        "Applications that get a certificate, with mode Managed: each in a Secret `<name>-client-<application>-tls` with tls.crt, tls.key and ca.crt, beside the cluster.",
        application,
        { maxItems: 32, keys: ["name"] },
      ),
    ),
    ca,
    leaf,
    extraSANs: Type.Optional(extraSans),
  },
  {
    default: {},
    rules: [
      {
        rule: "self.mode == oldSelf.mode",
        fieldPath: ".mode",
        message:
          "mode cannot change, because it is part of the members' URLs: set it back, or create a new EtcdCluster",
      },
      {
        rule: "has(self.issuerRef) == (self.mode == 'CertManager')",
        needs: "issuerRef",
        fieldPath: ".issuerRef",
        message: "set issuerRef with mode CertManager, and remove it with every other mode",
      },
      {
        rule: "has(self.provided) == (self.mode == 'Provided')",
        fieldPath: ".provided",
        message:
          "set provided with its Secrets with mode Provided, and remove it with every other mode",
      },
      {
        rule: "!has(self.peer) || !has(self.peer.allowedCommonName) || self.mode in ['Provided', 'CertManager']",
        fieldPath: ".peer.allowedCommonName",
        message:
          "allowedCommonName goes with mode Provided: remove it, with mode Managed the operator sets it",
      },
      {
        rule: "!has(self.clients) || size(self.clients) == 0 || self.mode == 'Managed'",
        fieldPath: ".clients",
        message: "clients go with mode Managed, where the operator issues: remove them",
      },
      {
        rule: "self.leaf.validityDays <= self.ca.overlapDays",
        fieldPath: ".leaf.validityDays",
        message:
          "leaf.validityDays must be at most ca.overlapDays, so that no certificate outlives its CA: lower it, or raise ca.overlapDays",
      },
    ],
  },
);
