/**
 * Bugs that consensus implementations have had, each as a change to our own source. `plant.ts` makes the change in a copy of the tree and
 * lets the sweep look for it: a checker that no bug wakes is none.
 */

import { edit, type PlantedBug } from "./planted-bug.ts";
import { plantedLeaseBugs, plantedWatchBugs } from "./planted-stream-bugs.ts";

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: "commit an entry of an older term by counting",
    edits: [
      edit(
        "node/raft/log.ts",
        "if (index <= this.committedIndex || !this.matchesTerm(index, term)) return false;",
        "if (index <= this.committedIndex || term < 0) return false;",
      ),
    ],
  },
  {
    name: "two votes in a term",
    edits: [
      edit(
        "node/raft/vote.ts",
        "(raft.vote === nobody && raft.lead === nobody) ||",
        "raft.lead === nobody ||",
      ),
    ],
  },
  {
    name: "vote before the hard state is durable",
    edits: [
      edit(
        "node/raft/raft.ts",
        "    const { type } = fields;\n    switch (type) {",
        `    const { type } = fields;
    if (type === "MsgVoteResp" && fields.to !== this.id) {
      this.messages.push(this.sealed(fields, fields.term));
      return;
    }
    switch (type) {`,
      ),
    ],
  },
  {
    name: "answer before fdatasync",
    edits: [
      edit(
        "node/raft/raw-node.ts",
        "    if (mustSync) this.appending = ready;\n",
        `    if (mustSync) this.appending = ready;
    if (mustSync && raft.role === "leader") this.deliverOwn(messagesAfterAppend);
`,
      ),
      edit(
        "node/raft/log.ts",
        "return Math.min(this.committedIndex, this.unstable.offset - 1);",
        "return this.committedIndex;",
      ),
    ],
  },
  {
    name: "send MsgAppResp before the entries are durable",
    edits: [
      edit(
        "node/raft/raft.ts",
        `      case "MsgAppResp":
        this.messagesAfterAppend.push`,
        `      case "MsgAppResp":
        (fields.to === this.id ? this.messagesAfterAppend : this.messages).push`,
      ),
    ],
  },
  {
    name: "pre-vote without log check",
    edits: [
      edit(
        "node/raft/vote.ts",
        "if (!isFree || !raft.log.isUpToDate(message.index, message.logTerm)) {",
        "if (!isFree || (!isPreVote && !raft.log.isUpToDate(message.index, message.logTerm))) {",
      ),
    ],
  },
  {
    name: "check-quorum off for a leader that serves reads",
    edits: [
      edit(
        "node/raft/tick.ts",
        "if (checkQuorum && !checkQuorumActive(raft)) return;",
        "if (checkQuorum && raft.lead === nobody && !checkQuorumActive(raft)) return;",
      ),
      edit(
        "node/raft/read-index.ts",
        "if (raft.tracker.isSingleton) {",
        "if (raft.tracker.isSingleton || raft.lead === raft.id) {",
      ),
    ],
  },
  {
    name: "a read that joins a ReadIndex issued earlier",
    edits: [
      edit(
        "node/server/read-index.ts",
        "  add(waiter: ReadWaiter): void {\n",
        `  add(waiter: ReadWaiter): void {
    const earlier = [...this.issued.values()].at(-1);
    if (earlier !== undefined) {
      earlier.waiters = [...earlier.waiters, waiter];
      earlier.deadlinesMs = [...earlier.deadlinesMs, this.clock.monotonicMs() + this.timeoutMs];
      return;
    }
`,
      ),
    ],
  },
  {
    name: "conf change applied at append",
    edits: [
      edit(
        "node/raft/raft.ts",
        "    // The leader counts itself like any voter: by an answer that waits for its own disk (thesis 10.2.1).\n",
        `    for (const { type, data } of proposals) {
      if (type === entryType.confChange) applyConfChange(this, asConfChangeV2(decodeConfChange(data)));
    }
`,
      ),
      edit(
        "node/raft/raft.ts",
        'import { restoreConfig } from "./confchange/restore.ts";\n',
        `import { restoreConfig } from "./confchange/restore.ts";
import { applyConfChange } from "./conf-changes.ts";
import { asConfChangeV2, decodeConfChange } from "../proto/conf-change-codec.ts";
`,
      ),
    ],
  },
  {
    name: "two conf changes pending",
    edits: [
      edit(
        "node/raft/conf-changes.ts",
        "if (raft.pendingConfIndex > raft.log.applied) return false;",
        "if (raft.pendingConfIndex < 0) return false;",
      ),
    ],
  },
  {
    name: "a voter counted twice in a joint quorum",
    edits: [
      edit(
        "node/raft/quorum/joint.ts",
        "  const ofIncoming = majorityCommittedIndex(incoming, acknowledged);\n",
        "  const ofIncoming = majorityCommittedIndex([...incoming, ...outgoing], acknowledged);\n  if (outgoing.length > 0) return ofIncoming;\n",
      ),
      edit(
        "node/raft/quorum/joint.ts",
        "  const ofIncoming = halfResult(incoming, votes);\n",
        `  const both = [...incoming, ...outgoing];
  const granted = both.filter((id) => votes.get(id) === true).length;
  if (granted * 2 > both.length) return "won";
  const ofIncoming = halfResult(incoming, votes);
`,
      ),
    ],
  },
  {
    name: "WAL released before the backend's sync",
    edits: [
      edit(
        "node/server/member-turns.ts",
        "if (options.unsafeEarlyRelease === true)",
        "if (options.unsafeEarlyRelease !== true)",
      ),
    ],
  },
  {
    name: "snapshot installed over newer entries",
    // A leader may send a state to whom it could send entries; ours does so only when it must.
    eases: [
      edit(
        "node/raft/replicate.ts",
        "if (previousTerm === undefined) return",
        `const isEager = progress.state === "probe" && (log.snapshotMetadata?.index ?? 0) >= progress.next;
  if (previousTerm === undefined || isEager) return`,
      ),
    ],
    edits: [
      edit(
        "node/raft/receive-snapshot.ts",
        "if (log.matchesTerm(index, term)) {",
        "if (log.matchesTerm(index, term) && log.lastIndex === index) {",
      ),
    ],
  },
  {
    name: "truncation below commit",
    edits: [
      edit(
        "node/raft/log.ts",
        "      if (!this.matchesTerm(index, term)) break;\n",
        "      if (index > 0 || !this.matchesTerm(index, term)) break;\n",
      ),
      edit(
        "node/raft/log.ts",
        '      assert(from > this.committedIndex, "conflict with a committed entry", from);\n',
        "",
      ),
    ],
  },
  {
    name: "learner counted in the quorum",
    edits: [
      edit(
        "node/raft/tracker/progress-tracker.ts",
        "    const { voters, votersOutgoing } = this.currentConfig;\n    return jointCommittedIndex(voters, votersOutgoing, this.matchOf);",
        "    const { voters, learners, votersOutgoing } = this.currentConfig;\n    return jointCommittedIndex([...voters, ...learners], votersOutgoing, this.matchOf);",
      ),
    ],
  },
  ...plantedWatchBugs,
  ...plantedLeaseBugs,
];
