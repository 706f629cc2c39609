/**
 * Writes TypeScript types and valibot schemas of the control protocol to stdout.
 * stdin: the JSON Schema of both directions, as `lightcone schema` exports it.
 */
import { text } from "node:stream/consumers";
import { dropFieldTitles, moduleOf, typesOf } from "./schema_types.mjs";
import { listOf, schemasOf } from "./valibot.mjs";

/** On the wire a tag is always there, though pydantic gives it a default. */
function requireTags(definition) {
  const tags = Object.entries(definition.properties ?? {})
    .filter(([, property]) => "const" in property)
    .map(([name]) => name);
  return { ...definition, required: [...new Set([...tags, ...(definition.required ?? [])])] };
}

/** New error codes may come within a version of the protocol. */
function openCode({ properties, ...error }) {
  const code = { type: "string", tsType: "ErrorCode | (string & {})" };
  return { ...error, properties: { ...properties, code } };
}

const { version, close_codes, client, server } = JSON.parse(await text(process.stdin));
const definitions = Object.fromEntries(
  Object.entries({ ...client.$defs, ...server.$defs }).map(([name, each]) => [
    name,
    dropFieldTitles(requireTags(each)),
  ]),
);
const error_codes = definitions.Error.properties.code.enum;
const all = {
  ...definitions,
  Error: openCode(definitions.Error),
  ClientMessage: client,
  ServerMessage: server,
};
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
    ...all,
    ClientMessage: { oneOf: client.oneOf },
    ServerMessage: { oneOf: server.oneOf },
  },
};
process.stdout.write(
  moduleOf("server/control/protocol.py", [
    await typesOf(schema, "ControlProtocol"),
    `export const VERSION = ${version};\n`,
    listOf("CLOSE_CODES", "CloseCode", close_codes),
    listOf("ERROR_CODES", "ErrorCode", error_codes),
    schemasOf(all, ["ServerMessage"]),
  ]),
);
