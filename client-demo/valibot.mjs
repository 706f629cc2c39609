/** Valibot schemas from JSON Schema: what the page checks messages and answers with. */

const json = (value) => JSON.stringify(value);
const nameOf = ({ $ref }) => $ref.split("/").at(-1);

/** The subset of JSON Schema that pydantic writes for our models. Throws for anything else. */
function expression(schema) {
  if ("$ref" in schema) return `${nameOf(schema)}Schema`;
  if ("const" in schema) return `v.literal(${json(schema.const)})`;
  if ("enum" in schema) return `v.picklist(${json(schema.enum)})`;
  if ("oneOf" in schema) return variant(schema);
  if ("anyOf" in schema) return nullable(schema.anyOf);
  switch (schema.type) {
    case "string":
    case "number":
    case "boolean":
      return `v.${schema.type}()`;
    case "integer":
      return "v.pipe(v.number(), v.integer())";
    case "array":
      return `v.array(${expression(schema.items)})`;
    case "object":
      return object(schema);
  }
  throw new Error(`no valibot schema for ${json(schema)}`);
}

function variant({ oneOf, discriminator }) {
  return `v.variant(${json(discriminator.propertyName)}, [${oneOf.map(expression).join(", ")}])`;
}

function nullable(anyOf) {
  const others = anyOf.filter(({ type }) => type !== "null");
  if (others.length !== 1 || anyOf.length !== 2)
    throw new Error(`no valibot schema for a choice of ${json(anyOf)}`);
  return `v.nullable(${expression(others[0])})`;
}

function object({ properties, required = [], additionalProperties }) {
  if (properties === undefined) return `v.record(v.string(), ${expression(additionalProperties)})`;
  const entries = Object.entries(properties).map(([name, each]) => {
    const one = expression(each);
    return `  ${name}: ${required.includes(name) ? one : `v.exactOptional(${one})`},\n`;
  });
  return `v.object({\n${entries.join("")}})`;
}

function referred(schema) {
  if (typeof schema !== "object" || schema === null) return [];
  return Object.values(schema)
    .flatMap(referred)
    .concat("$ref" in schema ? nameOf(schema) : []);
}

/**
 * `export const NameSchema` for each of `roots`, and before them whatever of `definitions` they
 * refer to. Fields that a schema does not know are ignored.
 */
export function schemasOf(definitions, roots) {
  const written = new Set();
  const lines = [];
  const write = (name) => {
    if (written.has(name)) return;
    written.add(name);
    for (const each of referred(definitions[name])) write(each);
    const type = roots.includes(name) ? `: v.GenericSchema<unknown, ${name}>` : "";
    const exported = roots.includes(name) ? "export " : "";
    lines.push(`${exported}const ${name}Schema${type} = ${expression(definitions[name])};\n`);
  };
  for (const name of roots) write(name);
  return lines.join("\n");
}

/** `export const NAME`, and the type of one of them. */
export function listOf(name, type, values) {
  return `export const ${name} = ${json(values)} as const;\nexport type ${type} = (typeof ${name})[number];\n`;
}
