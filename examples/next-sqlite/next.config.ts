import path from "node:path";
import type { NextConfig } from "next";

const root = path.resolve(import.meta.dirname);

const config: NextConfig = {
  serverExternalPackages: ["better-sqlite3"],
  // This folder and nothing above it, whatever lock files lie there.
  turbopack: { root },
  outputFileTracingRoot: root,
};

export default config;
