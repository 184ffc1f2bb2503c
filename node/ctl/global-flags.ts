/** Flags that every command takes: names and standard values as etcdctl 3.7.1 has them (ctlv3/ctl.go). */
import type { Flag } from "./command.ts";

const noUsers = "authentication is not served yet";

export const globalFlags: readonly Flag[] = [
  {
    name: "endpoints",
    kind: "list",
    standard: "127.0.0.1:2379",
    help: "members to talk to: host:port, http://host:port or https://host:port",
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
  {
    name: "insecure-transport",
    kind: "switch",
    standard: "true",
    help: "no TLS for endpoints without http:// or https://, as long as no other flag is about TLS",
  },
  {
    name: "insecure-skip-tls-verify",
    kind: "switch",
    help: "take any certificate of any server: for experiments",
  },
  { name: "cert", kind: "text", help: "file of the certificate that the client shows" },
  { name: "key", kind: "text", help: "file of its key" },
  {
    name: "cacert",
    kind: "text",
    help: "file of the authorities whose certificates servers must have",
  },
  { name: "auth-jwt-token", kind: "text", help: "user", unserved: noUsers },
  { name: "user", kind: "text", help: "user", unserved: noUsers },
  { name: "password", kind: "text", help: "user", unserved: noUsers },
  {
    name: "discovery-srv",
    short: "d",
    kind: "text",
    help: "domain whose SRV records in DNS name the endpoints",
  },
  {
    name: "discovery-srv-name",
    kind: "text",
    help: "follows the service in the names of these records",
  },
  {
    name: "insecure-discovery",
    kind: "switch",
    standard: "true",
    help: "take endpoints without TLS from DNS, and certificates that are not for the domain",
  },
];
