// A deployer that kills itself right after its first COMMIT: what SIGKILL leaves cannot be seen from within.
import { testApp } from "./test-app.ts";

const app = testApp(undefined, undefined, process.argv[2]!);
const add = {
  "0000_init": "CREATE TABLE users (id integer PRIMARY KEY);",
  "0001_sku": "ALTER TABLE users ADD sku text;",
};
const release = app.release({ "drizzle/core": add, "drizzle/system": add, "drizzle/content": add });
await app.link(release);
await app.migrate(release, () => process.kill(process.pid, "SIGKILL"));
