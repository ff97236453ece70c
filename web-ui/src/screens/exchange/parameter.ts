// A SearchParameter as the fields of a form, and back: what the form does not show stays as it was. Pure.

/** Types that a form can write; a composite has parts, which come in a file. */
export const TYPES = ["token", "string", "reference", "date", "number", "quantity", "uri"] as const;
export const STATES = ["active", "draft", "retired"] as const;

export interface Fields {
  code: string;
  name: string;
  url: string;
  base: string;
  type: string;
  expression: string;
  description: string;
  status: string;
}

export type Wrong = Partial<Record<keyof Fields, "exchange.parameter.missing" | "exchange.parameter.badCode" | "exchange.parameter.badUrl" | "exchange.parameter.badBase">>;

type Json = Record<string, unknown>;

export const BLANK: Fields = { code: "", name: "", url: "", base: "", type: "token", expression: "", description: "", status: "active" };

const text = (value: unknown) => (typeof value === "string" ? value : "");

/** The fields of a parameter. */
export function fields(record: Json): Fields {
  const base = Array.isArray(record["base"]) ? record["base"].filter((one) => typeof one === "string").join(", ") : "";
  return { code: text(record["code"]), name: text(record["name"]), url: text(record["url"]), base, type: text(record["type"]) || "token", expression: text(record["expression"]), description: text(record["description"]), status: text(record["status"]) || "active" };
}

const bases = (typed: string) => [...new Set(typed.split(/[\s,]+/).filter(Boolean))];

/** What is wrong with which field; empty when nothing is. */
export function wrong(of: Fields): Wrong {
  const out: Wrong = {};
  for (const name of ["code", "url", "base", "expression", "description"] as const) if (of[name].trim() === "") out[name] = "exchange.parameter.missing";
  if (!out.code && !/^[a-zA-Z][\w-]{0,63}$/.test(of.code.trim())) out.code = "exchange.parameter.badCode";
  if (!out.url && !/^(https?:\/\/\S+|urn:\S+)$/.test(of.url.trim())) out.url = "exchange.parameter.badUrl";
  if (!out.base && !bases(of.base).every((one) => /^[A-Z][A-Za-z]+$/.test(one))) out.base = "exchange.parameter.badBase";
  return out;
}

/** FHIR's `name` is an identifier: made of the code where none was typed. */
function nameOf(of: Fields): string {
  if (of.name.trim() !== "") return of.name.trim();
  const joined = of.code.trim().split(/[^A-Za-z0-9]+/).map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
  return /^[A-Z]/.test(joined) ? joined : `P${joined}`;
}

/** The parameter with these fields. */
export function record(of: Fields, before: Json = {}): Json {
  const { resourceType: _, id, meta, ...rest } = before;
  return {
    resourceType: "SearchParameter",
    ...(id === undefined ? {} : { id }),
    ...(meta === undefined ? {} : { meta }),
    ...rest,
    url: of.url.trim(), name: nameOf(of), status: of.status, description: of.description.trim(), code: of.code.trim(), base: bases(of.base), type: of.type, expression: of.expression.trim(),
  };
}
