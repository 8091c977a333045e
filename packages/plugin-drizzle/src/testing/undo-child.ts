// `deployer db undo` in a process of its own, for its death by SIGKILL: node undo-child.ts ROOT FLAGS
import { testApp } from "./test-app.ts";

const [root, flags] = process.argv.slice(2) as [string, string];
await testApp(undefined, undefined, root).command("undo", { flags: JSON.parse(flags) });
