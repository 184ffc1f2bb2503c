/** spec.tls: who issues certificates, and what they are like. */
import { Type } from "typebox";
import { boolean, choice, group, integer, list, objectName, text } from "../schema/fields.ts";
import { notServed, servedOnly } from "../schema/served.ts";

const secretRef = (description: string) =>
  group(description, { name: objectName("Name of the Secret.") });

const issuerRef = group("The issuer of cert-manager, for mode CertManager.", {
  name: objectName("Name of the issuer."),
  kind: choice(["Issuer", "ClusterIssuer"], "Kind of the issuer.", { default: "Issuer" }),
  group: text("API group of the issuer.", { maxLength: 253, default: "cert-manager.io" }),
});

const provided = group("Secrets with certificates that you make yourself, for mode Provided.", {
  serverSecretRef: secretRef(
    "tls.crt, tls.key and ca.crt for the client port; the certificate must hold all names of members and Services.",
  ),
  peerSecretRef: secretRef("tls.crt, tls.key and ca.crt for the peer port."),
  operatorSecretRef: secretRef("tls.crt, tls.key and ca.crt with which the operator is a client."),
});

const peer = group(
  "TLS between members.",
  {
    allowedNames: Type.Optional(
      list(
        "Names of which a peer's certificate must hold one. Default: the names of the members.",
        text("A DNS name; a leading *. stands for one label.", { maxLength: 253, minLength: 1 }),
        { maxItems: 16, isSet: true },
      ),
    ),
  },
  { default: {} },
);

const client = group(
  "TLS towards clients.",
  {
    requireClientCert: boolean("Whether a client must show a certificate of the cluster's CA.", {
      default: true,
    }),
  },
  { default: {} },
);

const ca = group(
  "The CA that the operator makes, for mode Managed.",
  {
    validityDays: integer("How long a CA certificate is valid, in days.", {
      minimum: 30,
      maximum: 36500,
      default: 3650,
    }),
    overlapDays: integer(
      "How long before its end the next CA is trusted beside the present one, in days.",
      { minimum: 1, maximum: 3650, default: 365 },
    ),
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
  "Certificates of members and clients.",
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
    keyType: choice(["RSA-2048", "RSA-4096", "ECDSA-P256"], "Kind of the keys.", {
      default: "RSA-2048",
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
        "Who issues the certificates: the operator (Managed), cert-manager, or you (Provided). Disabled is plain text.",
        { default: "Disabled" },
      ),
      ["Disabled"],
      "this version of etcd-ts serves no TLS: set spec.tls.mode to Disabled, or remove it",
    ),
    issuerRef: notServed(issuerRef),
    provided: notServed(provided),
    peer: notServed(peer),
    client: notServed(client),
    ca: notServed(ca),
    leaf: notServed(leaf),
    extraSANs: notServed(extraSans),
  },
  {
    default: {},
    rules: [
      {
        rule: "has(self.issuerRef) == (self.mode == 'CertManager')",
        needs: "issuerRef",
        fieldPath: ".issuerRef",
        message: "set issuerRef with mode CertManager, and remove it with every other mode",
      },
      {
        rule: "has(self.provided) == (self.mode == 'Provided')",
        needs: "provided",
        fieldPath: ".provided",
        message:
          "set provided with its Secrets with mode Provided, and remove it with every other mode",
      },
    ],
  },
);
