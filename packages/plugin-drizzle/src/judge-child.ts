// Runs as a process of its own: the setup module is a release's code, and whatever it does ends with this process.
import { text } from "node:stream/consumers";
import { MigrationFailure } from "./apply.ts";
import { type Judgement, type JudgeTask, judge } from "./judge.ts";
import { loadSetup } from "./setup.ts";

async function judgeAll(setup: string, tasks: readonly JudgeTask[]): Promise<Judgement[]> {
  try {
    const register = await loadSetup(setup);
    return tasks.map((task) => judge(task, register));
  } catch (error) {
    if (!(error instanceof MigrationFailure)) throw error;
    return tasks.map(() => ({ outcome: "failed", problem: error.problem }));
  }
}

const { setup, tasks } = JSON.parse(await text(process.stdin)) as { setup: string; tasks: JudgeTask[] };
process.stdout.write(`\n${JSON.stringify(await judgeAll(setup, tasks))}\n`);
