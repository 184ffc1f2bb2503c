/** spec.services: how clients reach the members. */
import { Type } from "typebox";
import { choice, group } from "../schema/fields.ts";
import { notServed } from "../schema/served.ts";
import { objectAnnotations, objectLabels } from "./metadata.ts";

const type = (fallback: "ClusterIP" | "LoadBalancer") =>
  choice(["ClusterIP", "NodePort", "LoadBalancer"], "Type of the Service, as in Kubernetes.", {
    default: fallback,
  });

const client = group(
  "The Service `<name>-client`, port 2379: any member that is ready.",
  {
    type: type("ClusterIP"),
    annotations: Type.Optional(objectAnnotations("Further annotations of the Service.")),
    labels: Type.Optional(objectLabels("Further labels of the Service.")),
    trafficDistribution: Type.Optional(
      choice(
        ["PreferClose", "PreferSameZone", "PreferSameNode"],
        "Which members clients are led to first, as in Kubernetes.",
      ),
    ),
  },
  { default: {} },
);

const perMember = group(
  "A Service for each member, for clients outside that talk to all of them.",
  {
    type: type("LoadBalancer"),
    annotations: Type.Optional(objectAnnotations("Annotations of these Services.")),
    labels: Type.Optional(objectLabels("Labels of these Services.")),
  },
);

export const services = group(
  "How clients reach the members.",
  { client, perMember: notServed(perMember) },
  { default: {} },
);
