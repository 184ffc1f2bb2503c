/** The answer to a scrape: the text, compressed for a scraper that says it can read that, as Prometheus' handler in etcd does. */
import { type IncomingMessage, ServerResponse } from "node:http";
import { answer, type PatientAnswer, plainError } from "../lib/http-answers.ts";

/** All metrics of one moment; several scrapers may share it. */
export interface Scrape {
  readonly contentType: string;
  readonly body: string;
  /** The body compressed, which is done once at most. Without it nobody gets it compressed. */
  readonly gzip?: () => Promise<Uint8Array>;
  /** To be called for each answer with it. */
  readonly served?: () => void;
}

/** Over HTTP/1 only: a plain answer over HTTP/2 has a text as its body. */
export function answerScrape(response: PatientAnswer, scrape: Scrape): void {
  const { contentType, body, gzip, served } = scrape;
  served?.();
  const isCompressed =
    response instanceof ServerResponse && acceptsGzip(offeredBy(response.req as IncomingMessage));
  if (!isCompressed || gzip === undefined) {
    answer(response, contentType, body);
    return;
  }
  gzip().then(
    (bytes) => {
      response.setHeader("Content-Encoding", "gzip");
      response.setHeader("Content-Type", contentType);
      response.setHeader("Content-Length", bytes.length);
      response.end(bytes);
    },
    (error: unknown) => plainError(response, 500, String(error)),
  );
}

const offeredBy = ({ headers }: IncomingMessage): string => headers["accept-encoding"] ?? "";

/** The client's list names gzip, and not with a quality of 0. */
export function acceptsGzip(acceptEncoding: string): boolean {
  return acceptEncoding.split(",").some((offer) => {
    const [coding = "", ...parameters] = offer.split(";").map((part) => part.trim().toLowerCase());
    return coding === "gzip" && !parameters.some((one) => /^q=0(\.0*)?$/.test(one));
  });
}
