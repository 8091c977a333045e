// Runs as a process of its own: migrations and the setup module are a release's, and whatever they do ends with it.
import { MigrationFailure } from "./apply.ts";
import { loadReportedSetup, readWork, reportAnswer, reportStep, statementReporter } from "./child-report.ts";
import { type Judgement, type JudgeTask, judge } from "./judge.ts";

async function judgeAll({ setup, tasks }: JudgeWork): Promise<Judgement[]> {
  try {
    const register = await loadReportedSetup(setup, tasks[0]!.name);
    return tasks.map((task) => {
      reportStep({ database: task.name, what: "a copy of the schema" });
      return judge(task, register, statementReporter(task.name));
    });
  } catch (error) {
    if (!(error instanceof MigrationFailure)) throw error;
    return tasks.map(() => ({ outcome: "failed", problem: error.problem }));
  }
}

interface JudgeWork {
  readonly setup: string | null;
  readonly tasks: readonly JudgeTask[];
}

reportAnswer(await judgeAll(await readWork<JudgeWork>()));
