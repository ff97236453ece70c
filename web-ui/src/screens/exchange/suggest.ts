// What may come next in an address below the FHIR base, read from the box's own CapabilityStatement. Pure.
import { items, member, plain, type Node } from "./json";

export interface Ability {
  type: string;
  parameters: { name: string; kind: string; about: string }[];
  includes: string[];
  operations: string[];
}

/** What the box says it can do for each type. */
export function abilities(metadata: Node): Ability[] {
  const rest = items(member(metadata, "rest"))[0];
  return items(member(rest, "resource")).map((resource) => ({
    type: plain(member(resource, "type")) ?? "",
    parameters: items(member(resource, "searchParam")).map((one) => ({
      name: plain(member(one, "name")) ?? "",
      kind: plain(member(one, "type")) ?? "",
      about: plain(member(one, "documentation")) ?? "",
    })),
    includes: items(member(resource, "searchInclude")).flatMap((one) => plain(one) ?? []),
    operations: items(member(resource, "operation")).flatMap((one) => plain(member(one, "name")) ?? []),
  }));
}

/** Parameters that every search takes. */
const RESULT = ["_id", "_lastUpdated", "_count", "_sort", "_total", "_summary", "_elements", "_include", "_revinclude", "_has"];

/** Most suggestions at once. */
const MOST = 12;

export interface Suggestion {
  /** The whole address with the suggestion taken. */
  whole: string;
  /** What is added, for the eye. */
  shown: string;
  about: string;
}

/** Suggestions for what stands in the field, best first. */
export function suggest(typed: string, all: Ability[]): Suggestion[] {
  const question = typed.indexOf("?");
  if (question < 0) return path(typed, all);
  const ability = all.find((one) => one.type === typed.slice(0, question));
  const from = Math.max(typed.lastIndexOf("&"), question) + 1;
  const part = typed.slice(from);
  if (part.includes("=")) return value(typed, part, ability);
  const own = (ability?.parameters ?? []).map((one) => ({ name: one.name, about: one.kind }));
  const general = RESULT.filter((name) => !own.some((one) => one.name === name)).map((name) => ({ name, about: "" }));
  return [...own, ...general]
    .filter((one) => one.name.startsWith(part))
    .slice(0, MOST)
    .map((one) => ({ whole: `${typed.slice(0, from)}${one.name}=`, shown: one.name, about: one.about }));
}

function path(typed: string, all: Ability[]): Suggestion[] {
  const cut = typed.lastIndexOf("/") + 1;
  const part = typed.slice(cut);
  const ability = all.find((one) => one.type === typed.split("/")[0]);
  if (cut > 0) {
    const names = [...(ability?.operations ?? []).map((name) => `$${name.replace(/^\$/, "")}`), "_history"];
    return names.filter((name) => name.startsWith(part) && name !== part).slice(0, MOST).map((name) => ({ whole: typed.slice(0, cut) + name, shown: name, about: "" }));
  }
  return all
    .filter((one) => one.type.toLowerCase().startsWith(part.toLowerCase()) && part !== "" && one.type !== part)
    .slice(0, MOST)
    .map((one) => ({ whole: `${one.type}?`, shown: one.type, about: "" }));
}

function value(typed: string, part: string, ability: Ability | undefined): Suggestion[] {
  const [name = "", begun = ""] = part.split("=");
  if (name !== "_include" || !ability) return [];
  const stem = typed.slice(0, typed.length - begun.length);
  return ability.includes.filter((one) => one.startsWith(begun) && one !== begun).slice(0, MOST).map((one) => ({ whole: stem + one, shown: one, about: "" }));
}
