// Reads what Vitest's JSON reporter wrote, for .ci/run.
//
//   node report.mjs files REPORT             the files in which a test failed, a line each
//   node report.mjs total FOLDER TESTS DEMO  the closing lines, from both reports and both exit codes; exit 1 on a failure

import { readFileSync } from "node:fs";
import { join, relative } from "node:path";

const [command, ...args] = process.argv.slice(2);
if (command === "files") for (const file of new Set(failures(read(args[0])).map(({ file }) => file))) console.log(file);
else total(args[0], Number(args[1]), Number(args[2]));

function total(folder, tests, demo) {
  const first = read(join(folder, "first.json"));
  const second = read(join(folder, "second.json"));
  const before = failures(first);
  const left = second === undefined ? before : failures(second);
  const names = new Set(left.map(({ name }) => name));
  for (const { name } of before.filter(({ name }) => !names.has(name))) console.log(`only at the second try: ${name}`);
  for (const { name } of left) console.log(`failed: ${name}`);
  // The demo counts as one test, and so does a run of the tests that failed without a failed test: no set-up, no report.
  const failed = left.length + (tests !== 0 && left.length === 0 ? 1 : 0) + (demo === 0 ? 0 : 1);
  const passed = (first?.numPassedTests ?? 0) + before.length - left.length + (demo === 0 ? 1 : 0);
  console.log(`tests: exit ${tests}, demo: exit ${demo}`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/** A file that failed without a failed test, as one that cannot be loaded, counts as one. */
function failures(report) {
  return (report?.testResults ?? []).flatMap(({ name: path, status, assertionResults }) => {
    const file = relative(process.cwd(), path);
    const tests = assertionResults.filter((test) => test.status === "failed");
    if (tests.length > 0) return tests.map(({ fullName }) => ({ file, name: `${file} > ${fullName}` }));
    return status === "failed" ? [{ file, name: file }] : [];
  });
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
