/**
 * The process of machines and members beside the measured one; main.ts forks it. Arguments: kubeconfig, network ("127.64": Pods get its addresses). Messages:
 * "counts" is answered with how many calls each method of etcd has had.
 */
import { ApiClient } from "../../../operator/kernel/api-client.ts";
import { HttpTransport } from "../../../operator/kernel/http-transport.ts";
import { accessFromKubeConfig } from "../../../operator/kernel/kube-config.ts";
import { processPorts } from "../../e2e/support/two-servers.ts";
import { Kubelet } from "./kubelet.ts";

const [file, network = ""] = process.argv.slice(2);
const counts: Record<string, number> = {};
let given = 0;

const kubelet = new Kubelet({
  client: new ApiClient({
    transport: new HttpTransport(accessFromKubeConfig({ file })),
    ports: processPorts,
    timeoutMs: 30_000,
    readTries: 4,
    userAgent: "kubelet/scale",
  }),
  ports: processPorts,
  nextAddress: () => {
    given += 1;
    return `${network}.${given >> 8}.${given & 255}`;
  },
  called: (path) => {
    counts[path] = (counts[path] ?? 0) + 1;
  },
});

process.on("message", (message) => {
  if (message === "counts") process.send?.(counts);
});
// The one that measures is gone.
process.on("disconnect", () => process.exit(0));
await kubelet.run(new AbortController().signal);
