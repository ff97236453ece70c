// search.txt: search parameters with the places their values stand at. The head of the written file explains the format.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { aliases } from "./aliases.mjs";
import { placesOf } from "./places.mjs";

const HEAD = `# Search parameters of FHIR R4. Generated: see gateway/definitions.
# #N code type                  number N stands in stored keys for this name and type: append only, never renumber
# =Type                         the parameters of a resource type follow
# N path:Datatype ...           parameter N; a step may carry [key=value] or [position]; a last @system gives the system of a
#                               code; >Type,Type the types a reference may point at (none: any), >!Type that others are left out
# N =M>Type ...                 parameter N has no values of its own: it asks those of the parameters M, only references to Type
# N ?root!M/path:Datatype...    composite parameter N: at each root one value of every component M (several places: +);
#                               a root of . is the resource, a path that begins with ^ starts at the resource
`;

const EXPRESSIONS = `# Expressions of R4's search parameters as published, to check the places in search.txt. Generated: see gateway/definitions.
# Type code expression
`;

const TYPES = new Set(["string", "token", "reference", "date", "number", "quantity", "uri", "composite", "special"]);
const FOREIGN = new Set(["DeviceDefinition.classification"]); // a later release's, which the package carries along
const FIRST_NUMBER = 10; // below: parameters of every type, in params.rs

export function writeSearch(definitions, terminology, parameters, out) {
  const file = new URL("search.txt", out);
  const numbers = existingNumbers(file);
  const numberOf = ({ code, type }) => {
    const key = `${code} ${type}`;
    if (!numbers.has(key)) numbers.set(key, Math.max(FIRST_NUMBER - 1, ...numbers.values()) + 1);
    return numbers.get(key);
  };
  const places = placesOf(definitions, terminology);
  const byId = new Map(parameters.map((p) => [p.url.split("/").pop(), p]));
  const body = [];
  const expressions = [];
  const resources = definitions.filter((d) => d.kind === "resource" && !d.abstract);
  for (const { name } of resources.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const own = parameters.filter((p) => p.base.includes(name) && TYPES.has(p.type) && p.expression).filter((p) => !FOREIGN.has(`${name}.${p.code}`));
    const simple = own
      .filter((p) => p.type !== "composite")
      .map((p) => ({ number: numberOf(p), type: p.type, code: p.code, places: places.ofParameter(name, p) }));
    for (const row of simple) if (row.places.length === 0) throw new Error(`${name}.${row.code} has no place`);
    for (const p of own.filter((p) => p.type !== "composite" && p.type !== "special")) {
      const alternatives = p.expression.split("|").map((e) => e.trim());
      const about = alternatives.filter((e) => new RegExp(`^\\(?${name}\\b`).test(e) || /^[a-z]/.test(e));
      expressions.push(`${name} ${p.code} ${about.join(" | ")}`);
    }
    const composite = own.filter((p) => p.type === "composite").map((p) => ({ ...compositeOf(name, p), code: p.code }));
    const lines = [...aliases(simple), ...composite].sort((a, b) => a.number - b.number);
    if (lines.length) body.push(`=${name}`, ...lines.map((l) => `${l.number} ${l.text}`));
  }
  writeFileSync(new URL("expressions.txt", out), EXPRESSIONS + expressions.join("\n") + "\n");
  const head = [...numbers].sort((a, b) => a[1] - b[1]).map(([key, n]) => `#${n} ${key}`);
  writeFileSync(file, HEAD + [...head, ...body].join("\n") + "\n");

  /** A composite that stands at several roots asks the composites of each, when the standard has them. */
  function compositeOf(resource, parameter) {
    const roots = parameter.expression.split("|").map((e) => e.trim()).filter((e) => e.split(".")[0] === resource);
    if (roots.length > 1) {
      const parts = roots.map((root) => {
        const alike = parameters.find(
          (p) => p.type === "composite" && p.base.includes(resource) && p.expression === root && sameValues(p, parameter),
        );
        if (!alike) throw new Error(`no composite of ${resource} at ${root} like ${parameter.code}`);
        return "=" + numberOf(alike);
      });
      return { number: numberOf(parameter), text: parts.join(" ") };
    }
    const root = roots[0].split(".").slice(1).join(".") || ".";
    // The standard gives the two components of this one each other's definition; their expressions are right.
    const swapped = parameter.code === "relationship" && resource === "DocumentReference";
    const definitions = parameter.component.map((c) => c.definition);
    if (swapped) definitions.reverse();
    const components = parameter.component.map((c, n) => {
      const definition = byId.get(definitions[n].split("/").pop());
      const found = places.ofComponent(roots[0], definition, c.expression);
      if (found.length === 0) throw new Error(`${parameter.code}: ${c.expression} has no place`);
      return `!${numberOf(definition)}/${found.map((p) => p.text).join("+")}`;
    });
    return { number: numberOf(parameter), text: `?${root}${components.join("")}` };
  }
}

const sameValues = (a, b) =>
  a.component.length === b.component.length && a.component.every((c, n) => c.expression === b.component[n].expression);

function existingNumbers(file) {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  const rows = lines.map((l) => /^#(\d+) (\S+ \S+)$/.exec(l)).filter(Boolean);
  return new Map(rows.map(([, n, key]) => [key, Number(n)]));
}
