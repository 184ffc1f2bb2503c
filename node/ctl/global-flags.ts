/** Flags that every command takes: names and standard values as etcdctl 3.7.1 has them (ctlv3/ctl.go). */
import type { Flag } from "./command.ts";

const noTls = "TLS is not served yet";
const noUsers = "authentication is not served yet";
const noDiscovery = "give the members with --endpoints";

export const globalFlags: readonly Flag[] = [
  {
    name: "endpoints",
    kind: "list",
    standard: "127.0.0.1:2379",
    help: "members to talk to: host:port or http://host:port",
  },
  {
    name: "write-out",
    short: "w",
    kind: "text",
    standard: "simple",
    help: "output format: simple, fields, json or table",
  },
  { name: "hex", kind: "switch", help: "keys, values and ids in hexadecimal" },
  {
    name: "command-timeout",
    kind: "duration",
    standard: "5s",
    help: "how long a command may take",
  },
  {
    name: "dial-timeout",
    kind: "duration",
    help: "how long to wait for a connection; as long as the command may take where it is not given",
  },
  { name: "debug", kind: "switch", help: "log what the client does", unserved: "" },
  { name: "keepalive-time", kind: "duration", standard: "2s", help: "pings", unserved: "" },
  { name: "keepalive-timeout", kind: "duration", standard: "6s", help: "pings", unserved: "" },
  { name: "max-request-bytes", kind: "integer", help: "limit of requests", unserved: "" },
  { name: "max-recv-bytes", kind: "integer", help: "limit of answers", unserved: "" },
  { name: "insecure-transport", kind: "switch", standard: "true", help: "TLS", unserved: noTls },
  { name: "insecure-skip-tls-verify", kind: "switch", help: "TLS", unserved: noTls },
  { name: "cert", kind: "text", help: "TLS", unserved: noTls },
  { name: "key", kind: "text", help: "TLS", unserved: noTls },
  { name: "cacert", kind: "text", help: "TLS", unserved: noTls },
  { name: "auth-jwt-token", kind: "text", help: "user", unserved: noUsers },
  { name: "user", kind: "text", help: "user", unserved: noUsers },
  { name: "password", kind: "text", help: "user", unserved: noUsers },
  {
    name: "discovery-srv",
    short: "d",
    kind: "text",
    help: "DNS",
    unserved: noDiscovery,
  },
  { name: "discovery-srv-name", kind: "text", help: "DNS", unserved: noDiscovery },
  {
    name: "insecure-discovery",
    kind: "switch",
    standard: "true",
    help: "DNS",
    unserved: noDiscovery,
  },
];
