/**
 * Where the configuration file of etcd has an option that it does not have under the flag's own name at the top (embed/config.go, the JSON names of
 * Config and securityConfig; v3discovery, DiscoveryConfig).
 */
import { knownNames } from "./known-options.ts";

/** Option ▸ its place. The revocation lists have no place in etcd's file; ours are with the other files. */
const places: Readonly<Record<string, string>> = {
  ...securityPlaces("client-transport-security", {
    "cert-file": "cert-file",
    "key-file": "key-file",
    "client-cert-file": "client-cert-file",
    "client-key-file": "client-key-file",
    "client-cert-auth": "client-cert-auth",
    "client-crl-file": "crl-file",
    "client-cert-allowed-cn": "allowed-cn",
    "client-cert-allowed-hostname": "allowed-hostname",
    "trusted-ca-file": "trusted-ca-file",
    "auto-tls": "auto-tls",
  }),
  ...securityPlaces("peer-transport-security", {
    "peer-cert-file": "cert-file",
    "peer-key-file": "key-file",
    "peer-client-cert-file": "client-cert-file",
    "peer-client-key-file": "client-key-file",
    "peer-client-cert-auth": "client-cert-auth",
    "peer-crl-file": "crl-file",
    "peer-cert-allowed-cn": "allowed-cn",
    "peer-cert-allowed-hostname": "allowed-hostname",
    "peer-trusted-ca-file": "trusted-ca-file",
    "peer-auto-tls": "auto-tls",
    "peer-skip-client-san-verification": "skip-client-san-verification",
  }),
  "socket-reuse-port": "socket-options.reuse-port",
  "socket-reuse-address": "socket-options.reuse-address",
  "discovery-token": "discovery-config.token",
  "discovery-endpoints": "discovery-config.client.endpoints",
  "discovery-dial-timeout": "discovery-config.client.dial-timeout",
  "discovery-request-timeout": "discovery-config.client.request-timeout",
  "discovery-keepalive-time": "discovery-config.client.keepalive-time",
  "discovery-keepalive-timeout": "discovery-config.client.keepalive-timeout",
  "discovery-insecure-transport": "discovery-config.client.secure.insecure-transport",
  "discovery-insecure-skip-tls-verify": "discovery-config.client.secure.insecure-skip-tls-verify",
  "discovery-cert": "discovery-config.client.secure.cert",
  "discovery-key": "discovery-config.client.secure.key",
  "discovery-cacert": "discovery-config.client.secure.cacert",
  "discovery-user": "discovery-config.client.auth.username",
  "discovery-password": "discovery-config.client.auth.password",
};

function securityPlaces(
  section: string,
  keys: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, `${section}.${key}`]));
}

const placeOf = (name: string): string =>
  Object.hasOwn(places, name) ? (places[name] as string) : name;

/** Place ▸ option, old names included; but a file cannot name another file. */
export const optionAt: ReadonlyMap<string, string> = new Map(
  knownNames.filter((name) => name !== "config-file").map((name) => [placeOf(name), name]),
);

/** Option ▸ its place, where that is not its own name. */
export const misplaced: ReadonlyMap<string, string> = new Map(Object.entries(places));

/** Maps in the file, of which the places speak. */
export const sections: ReadonlySet<string> = new Set(
  Object.values(places).flatMap((place) => {
    const keys = place.split(".").slice(0, -1);
    return keys.map((_key, at) => keys.slice(0, at + 1).join("."));
  }),
);

/** Where etcd's file takes an empty text, or the number 0, for the default. */
export const emptyIsDefault: ReadonlySet<string> = new Set([
  "listen-peer-urls",
  "listen-client-urls",
  "listen-client-http-urls",
  "listen-metrics-urls",
  "initial-advertise-peer-urls",
  "advertise-client-urls",
  "cors",
  "host-whitelist",
  "initial-cluster-state",
  "self-signed-cert-validity",
]);
