/**
 * Asks a member what it shows and whom it lets in, by dialling it. With TLS 1.3 a client's handshake ends before the server has judged its certificate, so only
 * an answer to a request says that it was let in.
 */
import { connect, type TLSSocket } from "node:tls";
import type { TlsProof } from "../cluster/observed.ts";
import type { PemPair } from "./certificates.ts";
import { fingerprintOf } from "./pem.ts";

/** A client that is dialled as, and the CA that has issued it. */
export interface ProvingClient {
  /** Fingerprint. */
  readonly authority: string;
  readonly clientPair: PemPair;
  readonly peerPair: PemPair;
}

export interface ProofRequest {
  /** Address, without brackets. */
  readonly host: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** The DNS name that the member's certificates are for. */
  readonly serverName: string;
  /** PEM of all CAs that members' certificates may be of. */
  readonly ca: string;
  /** Shown where only the member's certificate is asked for. */
  readonly operatorPair: PemPair;
  /** One for each CA that clients may be of. */
  readonly clients: readonly ProvingClient[];
  readonly signal?: AbortSignal | undefined;
  /** For each connection; all are made at once. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 3_000;

/** What one connection came to. */
interface Dialled {
  /** "" where the other side showed none, or none that one of the CAs has issued for this name. */
  readonly fingerprint: string;
  readonly isLetIn: boolean;
}

interface Dial {
  readonly port: number;
  readonly pair: PemPair;
}

/** Never rejects: what could not be asked is missing in the proof. A CA is trusted when its clients are let in on both ports. */
export async function proveTls(request: ProofRequest): Promise<TlsProof> {
  const { clientPort, peerPort, operatorPair, clients } = request;
  const dialBoth = async (client: PemPair, peer: PemPair): Promise<readonly [Dialled, Dialled]> =>
    Promise.all([
      dial(request, { port: clientPort, pair: client }),
      dial(request, { port: peerPort, pair: peer }),
    ]);
  const [shown, ...judged] = await Promise.all([
    dialBoth(operatorPair, operatorPair),
    ...clients.map(({ clientPair, peerPair }) => dialBoth(clientPair, peerPair)),
  ]);
  return {
    serverFingerprint: shown[0].fingerprint,
    peerFingerprint: shown[1].fingerprint,
    trusts: clients.flatMap(({ authority }, at) =>
      judged[at]?.every(({ isLetIn }) => isLetIn) === true ? [authority] : [],
    ),
  };
}

/** One connection, closed in every case. */
function dial(request: ProofRequest, { port, pair }: Dial): Promise<Dialled> {
  const { host, serverName, ca, signal, timeoutMs = defaultTimeoutMs } = request;
  return new Promise((resolve) => {
    let fingerprint = "";
    const socket = open();
    if (socket === undefined || signal?.aborted === true) {
      socket?.destroy();
      resolve({ fingerprint, isLetIn: false });
      return;
    }
    const end = (isLetIn: boolean): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", refused);
      socket.destroy();
      resolve({ fingerprint, isLetIn });
    };
    const refused = (): void => end(false);
    const timer = setTimeout(refused, timeoutMs);
    signal?.addEventListener("abort", refused, { once: true });
    socket.on("error", refused);
    socket.once("close", refused);
    socket.once("secureConnect", () => {
      // With a certificate that is not of the CAs, or for another name, it is somebody else.
      if (!socket.authorized) return end(false);
      const certificate = socket.getPeerX509Certificate();
      fingerprint = certificate === undefined ? "" : fingerprintOf(certificate);
      socket.write(`GET /version HTTP/1.1\r\nHost: ${serverName}\r\nConnection: close\r\n\r\n`);
    });
    // Whatever it answers: who is not let in gets nothing but an alert.
    socket.once("data", () => end(socket.authorized));
  });

  /** Undefined for a pair that OpenSSL does not take. */
  function open(): TLSSocket | undefined {
    try {
      return connect({
        host,
        port,
        servername: serverName,
        ca,
        cert: pair.certificate,
        key: pair.key,
        ALPNProtocols: ["http/1.1"],
        minVersion: "TLSv1.2",
        // Told apart above: OpenSSL would give no fingerprint to look at.
        rejectUnauthorized: false,
      });
    } catch {
      return undefined;
    }
  }
}
