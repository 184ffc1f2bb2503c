/** spec.monitoring: objects for Prometheus and Grafana. The members' metrics are served on port 2381 in any case. */
import { Type } from "typebox";
import { boolean, group, integer } from "../schema/fields.ts";
import { objectLabels } from "./metadata.ts";

const labels = Type.Optional(objectLabels("Labels by which your Prometheus or Grafana finds it."));

export const monitoring = group("Objects for Prometheus and Grafana.", {
  podMonitor: Type.Optional(
    group("A PodMonitor of the Prometheus operator.", {
      isEnabled: boolean("Whether it is made.", { default: true }),
      intervalSeconds: integer("Time between two scrapes, in seconds.", {
        minimum: 1,
        maximum: 3600,
        default: 30,
      }),
      labels,
    }),
  ),
  rules: Type.Optional(
    group("A PrometheusRule with alerts.", {
      isEnabled: boolean("Whether it is made.", { default: true }),
      labels,
    }),
  ),
  dashboards: Type.Optional(
    group("A ConfigMap with dashboards for Grafana.", {
      isEnabled: boolean("Whether it is made.", { default: true }),
      labels,
    }),
  ),
});
