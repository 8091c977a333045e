import { z } from "zod";

interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
}

/** A table of the options of a zod schema, one row each, those of nested objects with their paths. */
export function optionTable(schema: z.ZodType): string {
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Schema;
  const rows = optionRows(json, "");
  return ["| option | form | default | what it says |", "|---|---|---|---|", ...rows].join("\n");
}

function optionRows(schema: Schema, prefix: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, option]) => {
    const path = `${prefix}${name}`;
    const given =
      option.default === undefined
        ? schema.required?.includes(name)
          ? "**required**"
          : ""
        : code(JSON.stringify(option.default));
    const row = `| \`${path}\` | ${cell(form(option))} | ${given} | ${cell(option.description ?? "")} |`;
    return [row, ...nested(option, path)];
  });
}

/** Rows of an object's own options, of a list's items and of a record's values. */
function nested(option: Schema, path: string): string[] {
  if (option.properties !== undefined) return optionRows(option, `${path}.`);
  if (typeof option.additionalProperties === "object" && option.additionalProperties.properties !== undefined) {
    return optionRows(option.additionalProperties, `${path}.<name>.`);
  }
  return (option.anyOf ?? []).flatMap((variant) => nested(variant, path));
}

function form(schema: Schema): string {
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(form))].join(" or ");
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum !== undefined) return schema.enum.map((value) => code(JSON.stringify(value))).join(", ");
  if (schema.type === "array")
    return `list of ${schema.items === undefined || form(schema.items) === "any" ? "entries" : form(schema.items)}`;
  if (schema.type === "object") return typeof schema.additionalProperties === "object" ? "object by name" : "object";
  return schema.type === undefined ? "any" : [schema.type].flat().join(" or ");
}

function code(text: string): string {
  return `\`${text}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
