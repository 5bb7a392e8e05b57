// The parameters as OpenAPI describes them: type, bounds, help, group.

/** Read the parameters of a run from the OpenAPI document, as fields ready to be built. */
export function fieldsOf(openapi) {
  const schemas = openapi.components.schemas;
  const { properties } = schemas.StyleConfig ?? schemas.JobParams;
  return Object.entries(properties).filter(([, property]) => property.group).map(([name, property]) => field(name, property, schemas));
}

function field(name, property, schemas) {
  const resolved = resolve(property, schemas);
  return {
    name,
    group: property.group,
    help: property.description ?? "",
    kind: kindOf(resolved),
    options: resolved.enum ?? [],
    min: resolved.minimum ?? resolved.exclusiveMinimum ?? null,
    max: resolved.maximum ?? resolved.exclusiveMaximum ?? null,
    above: resolved.exclusiveMinimum ?? null,
    below: resolved.exclusiveMaximum ?? null,
    whole: resolved.type === "integer",
  };
}

function resolve(property, schemas) {
  const reference = property.$ref ?? property.allOf?.[0]?.$ref;
  if (reference) return { ...schemas[reference.split("/").pop()], ...property };
  const some = property.anyOf?.find(({ type }) => type !== "null");
  return some ? { ...some, ...property } : property;
}

function kindOf({ type, enum: options }) {
  if (options) return "enum";
  if (type === "boolean") return "boolean";
  if (type === "number" || type === "integer") return "number";
  return type === "object" ? "weights" : type === "array" ? "numbers" : "text";
}

/** Say which values a field takes. */
export function boundsOf({ min, max, above, below }) {
  const low = above !== null ? `above ${above}` : min !== null ? `from ${min}` : "";
  const high = below !== null ? `below ${below}` : max !== null ? `to ${max}` : "";
  return [low, high].filter(Boolean).join(" ");
}

/** Say what is wrong with a number, or nothing. */
export function problemOf(field, value) {
  if (Number.isNaN(value)) return "Not a number.";
  if (field.whole && !Number.isInteger(value)) return "A whole number, please.";
  const low = field.above !== null ? value <= field.above : field.min !== null && value < field.min;
  const high = field.below !== null ? value >= field.below : field.max !== null && value > field.max;
  return low || high ? `Takes a number ${boundsOf(field)}.` : "";
}
