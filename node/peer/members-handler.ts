/**
 * GET /members and POST /members/promote/<id>, by which others join and members that do not lead pass on a client's wish (etcd
 * api/etcdhttp/peer.go; statuses, texts and JSON are etcd's). What a member asks is in cluster-client.ts.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import { jsonAnswer, methodNotAllowed, plainError } from "../lib/http-answers.ts";
import type { Logger } from "../lib/ports.ts";
import { idToHex, type MemberId, memberId } from "../lib/units.ts";
import { memberToJson } from "../membership/member.ts";
import type { PeerReceiver } from "../server/peer-transport.ts";

export const membersPath = "/members";
/** Before an id in decimal digits. */
export const promotePrefix = "/members/promote/";

/** The errors of a promotion that are told, in the order in which a text is looked for: the last one is part of the first. */
export const promoteErrors: readonly {
  readonly kind: EtcdErrorKind;
  readonly status: number;
  readonly text: string;
}[] = [
  {
    kind: "LearnerNotReady",
    status: 412,
    text: "etcdserver: can only promote a learner member which is in sync with leader",
  },
  {
    kind: "MemberNotLearner",
    status: 412,
    text: "membership: can only promote a learner member",
  },
  { kind: "MemberNotFound", status: 404, text: "membership: ID not found" },
];

export interface MembersHandlerOptions {
  readonly receiver: Pick<PeerReceiver, "members" | "promote">;
  readonly logger: Logger;
}

export class MembersHandler {
  private readonly options: MembersHandlerOptions;

  constructor(options: MembersHandlerOptions) {
    this.options = options;
  }

  /** For `membersPath`, and what begins with `promotePrefix`. */
  handle(request: IncomingMessage, response: ServerResponse, path: string): void {
    const isList = path === membersPath;
    const allowed = isList ? "GET" : "POST";
    if (request.method !== allowed) {
      methodNotAllowed(response, allowed);
      return;
    }
    const { clusterId } = this.options.receiver.members();
    response.setHeader("X-Etcd-Cluster-ID", idToHex(clusterId));
    if (isList) this.answerMembers(response);
    else this.promote(path.slice(promotePrefix.length), response);
  }

  private answerMembers(response: ServerResponse): void {
    const { members } = this.options.receiver.members();
    jsonAnswer(response, `[${members.map(memberToJson).join(",")}]\n`);
  }

  private promote(text: string, response: ServerResponse): void {
    const { receiver, logger } = this.options;
    const learner = parseDecimalId(text);
    if (learner === undefined) {
      plainError(response, 404, `member ${text} not found in cluster`);
      return;
    }
    const refused = (error: string): void => {
      logger.warn("failed to promote a member", { "member-id": idToHex(learner), error });
    };
    receiver.promote(learner).then(
      (error) => {
        if (error === undefined) {
          this.answerMembers(response);
        } else {
          refused(error);
          answerRefusal(response, error);
        }
      },
      (error: unknown) => {
        refused(String(error));
        answerUnsaid(response);
      },
    );
  }
}

function answerRefusal(response: ServerResponse, error: EtcdErrorKind): void {
  const row = promoteErrors.find(({ kind }) => kind === error);
  if (row === undefined) answerUnsaid(response);
  else plainError(response, row.status, row.text);
}

/** Every other reason: whoever asked tries again, there or at another leader. */
function answerUnsaid(response: ServerResponse): void {
  response.statusCode = 500;
  jsonAnswer(response, '{"message":"Internal Server Error"}');
}

/** As Go's ParseUint has it. */
function parseDecimalId(text: string): MemberId | undefined {
  if (!/^0*\d{1,20}$/.test(text)) return undefined;
  const id = BigInt(text);
  return id < 2n ** 64n ? memberId(id) : undefined;
}
