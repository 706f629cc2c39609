/**
 * Writes TypeScript types and a valibot schema of /status.json to stdout.
 * stdin: its JSON Schema.
 */
import { text } from "node:stream/consumers";
import { dropFieldTitles, moduleOf, typesOf } from "./schema_types.mjs";
import { schemasOf } from "./valibot.mjs";

const { $defs, ...status } = JSON.parse(await text(process.stdin));
const definitions = Object.fromEntries(
  Object.entries({ ...$defs, Status: status }).map(([name, each]) => [name, dropFieldTitles(each)]),
);
const { Status, ...others } = definitions;
process.stdout.write(
  moduleOf("server/http/status_bodies.py", [
    await typesOf({ ...Status, $defs: others }, "Status"),
    schemasOf(definitions, ["Status"]),
  ]),
);
