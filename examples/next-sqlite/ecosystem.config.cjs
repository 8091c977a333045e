const fs = require("node:fs");
const path = require("node:path");
const { parseEnv } = require("node:util");

const envPath = path.join(__dirname, ".env");
const { PORT = "3000" } = fs.existsSync(envPath) ? parseEnv(fs.readFileSync(envPath, "utf8")) : {};

// deployer adds what a reload without lost requests needs: cwd, wait_ready, listen_timeout, kill_timeout.
module.exports = {
  apps: [
    {
      name: "shop",
      script: "node_modules/next/dist/bin/next",
      args: `start -p ${PORT}`,
      exec_mode: "cluster", // two instances on one port: one serves while the other is replaced
      instances: 2,
      env: {
        NODE_ENV: "production",
        NEXT_MANUAL_SIG_HANDLE: "true", // deployer's preload finishes open requests; Next.js would cut them off
        NEXT_TELEMETRY_DISABLED: "1",
      },
    },
  ],
};
