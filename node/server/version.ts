/** The version of etcd whose behaviour and formats this server has: what clients, peers and tools ask for. */
export const serverVersion = "3.7.1";
/** As the leader decides it: major and minor of the lowest member, patch 0. */
export const clusterVersion = "3.7.0";
/** The storage schema that goes with the cluster version. */
export const storageVersion = "3.7.0";
