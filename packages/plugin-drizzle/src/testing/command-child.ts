// `deployer db …` in a process of its own, for its death by SIGKILL: node command-child.ts ROOT NAME FLAGS
import { testApp } from "./test-app.ts";

const [root, name, flags] = process.argv.slice(2) as [string, string, string];
await testApp(undefined, undefined, root).command(name, { flags: JSON.parse(flags) });
