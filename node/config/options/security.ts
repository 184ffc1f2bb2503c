/** Options of TLS, for the clients' side and the members', and of who may ask over HTTP. */
import { chooseCiphers } from "../../tls/cipher-suites.ts";
import { booleanOption, integerOption, listOption, option, text, textOption } from "./option.ts";
import { hosts, origins } from "./urls.ts";

const cnHelp = "a certificate must have one of these as its common name";
const hostnameHelp = "a certificate must be valid for one of these names";

export const securityOptions = {
  "cert-file": textOption("FILE", "certificate that clients are shown"),
  "key-file": textOption("FILE", "its private key"),
  "client-cert-auth": booleanOption(
    false,
    "a client must have a certificate of a CA that is trusted",
  ),
  "client-cert-file": textOption(
    "FILE",
    "certificate for connections to client URLs of this cluster, if not that of --cert-file",
  ),
  "client-key-file": textOption("FILE", "its private key"),
  "client-crl-file": textOption(
    "FILE",
    "list of certificates of clients that are revoked; DER or PEM",
  ),
  "client-cert-allowed-cn": listOption({
    default: [],
    placeholder: "NAME,...",
    help: `of a client ${cnHelp}; not known to etcd as a flag`,
  }),
  "client-cert-allowed-hostname": listOption({
    default: [],
    placeholder: "NAME,...",
    help: `of a client ${hostnameHelp}`,
  }),
  "trusted-ca-file": textOption(
    "FILE",
    "CAs of the certificates of clients; whoever has none is refused",
  ),
  "auto-tls": booleanOption(
    false,
    "show clients a certificate that is made at the start, if none is given",
  ),
  "peer-cert-file": textOption("FILE", "certificate that other members are shown"),
  "peer-key-file": textOption("FILE", "its private key"),
  "peer-client-cert-auth": booleanOption(
    false,
    "another member must have a certificate of a CA that is trusted",
  ),
  "peer-client-cert-file": textOption(
    "FILE",
    "certificate for connections to other members, if not that of --peer-cert-file",
  ),
  "peer-client-key-file": textOption("FILE", "its private key"),
  "peer-trusted-ca-file": textOption(
    "FILE",
    "CAs of the certificates of members; whoever has none is refused",
  ),
  "peer-cert-allowed-cn": listOption({
    default: [],
    placeholder: "NAME,...",
    help: `of a member ${cnHelp}`,
  }),
  "peer-cert-allowed-hostname": listOption({
    default: [],
    placeholder: "NAME,...",
    help: `of a member ${hostnameHelp}`,
  }),
  "peer-auto-tls": booleanOption(
    false,
    "show other members a certificate that is made at the start, if none is given",
  ),
  "peer-skip-client-san-verification": booleanOption(
    false,
    "the address of another member need not stand in its certificate",
  ),
  "self-signed-cert-validity": integerOption({
    default: 1,
    placeholder: "YEARS",
    help: "how long certificates that are made at the start are valid",
  }),
  "peer-crl-file": textOption(
    "FILE",
    "list of certificates of members that are revoked; DER or PEM",
  ),
  "cipher-suites": listOption({
    default: [],
    placeholder: "NAME,...",
    help: "cipher suites of TLS 1.2 by Go's names; the usual ones when not given",
    parseItems: (items) => {
      // Throws where a name is none.
      chooseCiphers(items);
      return items;
    },
  }),
  cors: option<readonly string[]>({
    default: ["*"],
    parse: origins,
    placeholder: "ORIGINS",
    help: "origins whose pages may ask over HTTP; * for all",
  }),
  "host-whitelist": option<readonly string[]>({
    default: ["*"],
    parse: hosts,
    placeholder: "HOSTS",
    help: "host names under which HTTP without TLS is answered; * for all",
  }),
  "tls-min-version": option({
    default: "TLS1.2",
    parse: text,
    placeholder: "VERSION",
    help: "oldest version of TLS: TLS1.2 or TLS1.3",
  }),
  "tls-max-version": textOption("VERSION", "newest version of TLS: TLS1.2 or TLS1.3"),
};
