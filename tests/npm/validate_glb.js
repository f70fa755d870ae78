// Prints the validator's issues of each GLB named on the command line, as one JSON list.
const { readFileSync } = require("node:fs");
const { validateBytes, version } = require("gltf-validator");

(async () => {
  const reports = [];
  for (const path of process.argv.slice(2)) {
    const { issues } = await validateBytes(new Uint8Array(readFileSync(path)), { maxIssues: 50 });
    reports.push(issues);
  }
  console.log(JSON.stringify({ version: version(), reports }));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
