/** The version of etcd whose behaviour and formats this server has: what clients, peers and tools ask for. */
export const serverVersion = "3.7.1";
