// Reads the parameters of a job, with their types, bounds and descriptions, from the OpenAPI document.

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 20 });

/** Return a field for each parameter that belongs to a group. */
export function paramFields(openapi) {
  const { schemas } = openapi.components;
  const { properties } = schemas.StyleConfig ?? schemas.JobParams;
  const grouped = Object.entries(properties).filter(([, property]) => property.group);
  return grouped.map(([name, property]) => paramField(name, property, schemas));
}

function paramField(name, property, schemas) {
  const schema = resolved(property, schemas);
  return {
    name,
    group: property.group,
    help: property.description ?? "",
    kind: kindOf(schema),
    options: schema.enum ?? [],
    min: schema.minimum ?? null,
    max: schema.maximum ?? null,
    above: schema.exclusiveMinimum ?? null,
    below: schema.exclusiveMaximum ?? null,
    integer: schema.type === "integer",
  };
}

function resolved(property, schemas) {
  const reference = property.$ref ?? property.allOf?.[0]?.$ref;
  if (reference) return { ...schemas[reference.split("/").pop()], ...property };
  const schema = property.anyOf?.find(({ type }) => type !== "null");
  return schema ? { ...schema, ...property } : property;
}

function kindOf({ type, enum: options }) {
  if (options) return "enum";
  if (type === "boolean") return "boolean";
  return type === "number" || type === "integer" ? "number" : "text";
}

/** Describe the range of a number, as in "from 0 to 10" or "greater than 0". */
export function rangeText(field) {
  const [min, max, above, below] = [field.min, field.max, field.above, field.below].map((bound) => (bound === null ? null : NUMBER.format(bound)));
  if (min !== null && max !== null) return `from ${min} to ${max}`;
  const low = above !== null ? `greater than ${above}` : min !== null ? `at least ${min}` : "";
  const high = below !== null ? `less than ${below}` : max !== null ? `at most ${max}` : "";
  return [low, high].filter(Boolean).join(" and ");
}

/** Return what is wrong with a number, or "". */
export function numberError(field, value) {
  if (Number.isNaN(value)) return "Enter a number.";
  if (field.integer && !Number.isInteger(value)) return "Enter a whole number.";
  const low = field.above !== null ? value <= field.above : field.min !== null && value < field.min;
  const high = field.below !== null ? value >= field.below : field.max !== null && value > field.max;
  return low || high ? `Out of range. Allowed: ${rangeText(field)}.` : "";
}
