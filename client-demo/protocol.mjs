/**
 * Writes TypeScript types of the control protocol to stdout.
 * stdin: the JSON Schema of both directions, as `lightcone schema` exports it.
 */
import { text } from "node:stream/consumers";
import { dropFieldTitles, typesOf } from "./schema_types.mjs";

/** On the wire a tag is always there, though pydantic gives it a default. */
function requireTags(definition) {
  const tags = Object.entries(definition.properties ?? {})
    .filter(([, property]) => "const" in property)
    .map(([name]) => name);
  return { ...definition, required: [...new Set([...tags, ...(definition.required ?? [])])] };
}

const { version, client, server } = JSON.parse(await text(process.stdin));
const definitions = Object.entries({ ...client.$defs, ...server.$defs }).map(([name, each]) => [
  name,
  dropFieldTitles(requireTags(each)),
]);
const schema = {
  title: "ControlProtocol",
  description: "Everything that crosses `/sessions/{id}/control`.",
  type: "object",
  additionalProperties: false,
  required: ["version", "client", "server"],
  properties: {
    version: { const: version },
    client: { $ref: "#/$defs/ClientMessage" },
    server: { $ref: "#/$defs/ServerMessage" },
  },
  $defs: {
    ...Object.fromEntries(definitions),
    ClientMessage: { oneOf: client.oneOf },
    ServerMessage: { oneOf: server.oneOf },
  },
};
const types = await typesOf(schema, "ControlProtocol", "server/control/protocol.py");
process.stdout.write(`${types}\nexport const VERSION = ${version};\n`);
