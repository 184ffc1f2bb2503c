/** Options of profiles and metrics. */
import { booleanOption, oneOf, option } from "./option.ts";
import { listenUrls } from "./urls.ts";

export const monitoringOptions = {
  "enable-pprof": booleanOption(
    false,
    "serve profiles of the process under /debug/pprof/ of the client URLs",
  ),
  metrics: option<"basic" | "extensive">({
    default: "basic",
    parse: oneOf("basic", "extensive"),
    placeholder: "LEVEL",
    help: "basic, or extensive for the times of each kind of call too",
  }),
  "listen-metrics-urls": listenUrls(
    [],
    "where /metrics, /health, /livez and /readyz are served beside the client URLs, from the start on",
  ),
};
