/**
 * etcd's options (3.7.1) that this version does not serve. They are known so that setting one by its environment variable is refused like
 * the flag is: an option such as ETCD_CLIENT_CERT_AUTH must never be passed over. An option that comes to be served moves to options.ts.
 */
export const unservedOptions: ReadonlySet<string> = new Set(
  `
  auth-token auth-token-ttl auto-tls
  backend-bbolt-freelist-type bcrypt-cost cert-file cipher-suites
  client-cert-allowed-hostname client-cert-auth client-cert-file client-crl-file client-key-file
  compact-hash-check-time config-file corrupt-check-time cors
  discovery-cacert discovery-cert discovery-dial-timeout discovery-endpoints discovery-fallback
  discovery-insecure-skip-tls-verify discovery-insecure-transport discovery-keepalive-time
  discovery-keepalive-timeout discovery-key discovery-password discovery-request-timeout
  discovery-token discovery-user distributed-tracing-address
  distributed-tracing-instance-id distributed-tracing-sampling-rate distributed-tracing-service-name
  downgrade-check-time enable-distributed-tracing enable-grpc-gateway enable-log-rotation enable-pprof
  host-whitelist key-file listen-client-http-urls log-format
  log-outputs log-rotation-config-json logger memory-mlock metrics
  peer-auto-tls peer-cert-allowed-cn peer-cert-allowed-hostname peer-cert-file peer-client-cert-auth
  peer-client-cert-file peer-client-key-file peer-crl-file peer-key-file peer-skip-client-san-verification
  peer-trusted-ca-file self-signed-cert-validity
  socket-reuse-address socket-reuse-port tls-max-version tls-min-version
  trusted-ca-file unsafe-no-fsync v2-deprecation warning-apply-duration warning-unary-request-duration
  `
    .trim()
    .split(/\s+/),
);

/** What a user of an option that is not served can do. */
export const insteadOf = (name: string): string =>
  name.startsWith("discovery-")
    ? "use --initial-cluster or --discovery-srv instead"
    : "see --help for what is";
