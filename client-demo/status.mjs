/**
 * Writes TypeScript types of /status.json to stdout.
 * stdin: its JSON Schema.
 */
import { text } from "node:stream/consumers";
import { dropFieldTitles, typesOf } from "./schema_types.mjs";

const { $defs, ...status } = JSON.parse(await text(process.stdin));
const definitions = Object.entries($defs).map(([name, each]) => [name, dropFieldTitles(each)]);
const schema = { ...dropFieldTitles(status), $defs: Object.fromEntries(definitions) };
process.stdout.write(await typesOf(schema, "Status", "server/http/status_bodies.py"));
