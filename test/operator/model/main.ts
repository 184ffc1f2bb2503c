/** `node test/operator/model/main.ts`: walks the states of clusters with an operator, longer than a test may. */
import { parseArgs } from "node:util";
import { plan } from "../../../operator/cluster/plan.ts";
import { operatorModel } from "./operator-model.ts";
import { walk } from "./walk.ts";

const help = `Usage: node test/operator/model/main.ts [flags]

Walks every state that a cluster of some members can get into, with the operator's own plan, and judges each of them: one bootstrap in a life, quorum
never lost by a step of ours, one membership change at a time, no acknowledged write lost, no end but the one that was asked for or one that only a
person can help. Prints the shortest way to the first state that is not so.

  --members 0,1,3,5  members at the start; 0: nothing is there yet (default 1,3)
  --faults N         accidents, and writes that are late or twice, in one way (default 1)
  --acts N           acts of a person in one way (default 1)
  --scales A,B       what spec.replicas is set to (default 0,1,3)
  --only A,B         accidents and acts whose names end so, and no others
  --even             spec.allowEvenReplicas is set
  --states N         stop after so many states of each (default 1000000)
`;

const { values } = parseArgs({
  options: {
    members: { type: "string", default: "1,3" },
    faults: { type: "string", default: "1" },
    acts: { type: "string", default: "1" },
    scales: { type: "string", default: "0,1,3" },
    only: { type: "string" },
    even: { type: "boolean", default: false },
    states: { type: "string", default: "1000000" },
    help: { type: "boolean", default: false },
  },
});

const numbersIn = (text: string): readonly number[] => text.split(",").map(Number);

function run(members: number): void {
  const model = operatorModel({
    plan,
    members,
    faults: Number(values.faults),
    acts: Number(values.acts),
    scales: numbersIn(values.scales),
    isImageChanged: true,
    ...(values.only === undefined ? {} : { only: values.only.split(",") }),
    allowEvenReplicas: values.even,
    restWithin: 400,
  });
  const begun = performance.now();
  const result = walk(model, {
    statesMax: Number(values.states),
    onProgress: (states, waiting) =>
      process.stderr.write(`${members} members: ${states} states, ${waiting} to go on from\n`),
  });
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const rests = [...model.rests].map(([how, count]) => `${how} ${count}`).join(", ");
  const cells = [
    members,
    result.states,
    model.judged(),
    result.transitions,
    model.longestRest(),
    seconds,
  ];
  process.stdout.write(
    `${cells.map((cell) => String(cell).padStart(11)).join("")}  ${result.isComplete ? "all" : "a part"}; ${rests}\n`,
  );
}

if (values.help) {
  process.stdout.write(help);
} else {
  process.stdout.write("    members     walked     judged transitions to rest    seconds  rest\n");
  for (const members of numbersIn(values.members)) run(members);
}
