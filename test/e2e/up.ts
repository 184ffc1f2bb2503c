/**
 * npm run e2e:up: a real Kubernetes on this machine, in namespaces of its own. Run again, it starts what is missing.
 *
 *     ETCD_TS_E2E=DIR          where its state is (default /var/lib/etcd-ts-e2e)
 *     ETCD_TS_E2E_NODES=N      nodes (default 3)
 *     ETCD_TS_E2E_STORE=KIND   the API server's store (default etcd-ts: three members; or etcd)
 */
import { up } from "./cluster/cluster.ts";
import { adminKubeconfig, clusterName } from "./cluster/layout.ts";
import { program, say } from "./support/log.ts";
import { built } from "./support/programs.ts";

await program(async () => {
  await up();
  say("the cluster is up; to look around:");
  say(
    `  ip netns exec ${clusterName} ${built("kubectl")} --kubeconfig ${adminKubeconfig} get pods -A`,
  );
});
