// A deployer in a process of its own, for what cannot be seen from within: its death by SIGKILL, and two at once.
// node run-child.ts ROOT COMMITS WORD OPTIONS
import { runChild, type WorkOptions } from "./run-in-child.ts";

const [root, commits, word, options] = process.argv.slice(2) as [
  string,
  string,
  "check" | "rollback" | "command",
  string,
];
await runChild(root, Number(commits), word, JSON.parse(options) as WorkOptions);
