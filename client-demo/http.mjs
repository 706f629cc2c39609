/**
 * Writes TypeScript types and valibot schemas of what the page gets over HTTP to stdout.
 * stdin: JSON Schemas of the bodies by name, and the codes of all problems.
 */
import { text } from "node:stream/consumers";
import { dropFieldTitles, moduleOf, typesOf } from "./schema_types.mjs";
import { listOf, schemasOf } from "./valibot.mjs";

const { roots, definitions, problem_codes } = JSON.parse(await text(process.stdin));
const all = Object.fromEntries(
  Object.entries(definitions).map(([name, each]) => [name, dropFieldTitles(each)]),
);
const schema = {
  title: "Bodies",
  description: "Answers over HTTP that the page looks at.",
  type: "object",
  additionalProperties: false,
  required: roots,
  properties: Object.fromEntries(roots.map((name) => [name, { $ref: `#/$defs/${name}` }])),
  $defs: all,
};
process.stdout.write(
  moduleOf("server/http", [
    await typesOf(schema, "Bodies"),
    listOf("PROBLEM_CODES", "ProblemCode", problem_codes),
    schemasOf(all, roots),
  ]),
);
