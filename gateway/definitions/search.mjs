// search.txt: search parameters with the places their values stand at. The head of the written file explains the format.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { CHOSEN, EVERY } from "./chosen.mjs";
import { typeCode } from "./structure.mjs";
import { systems } from "./terminology.mjs";

const HEAD = `# Search parameters of FHIR R4 that are indexed. Generated: see gateway/definitions.
# #N code type                  number N stands in stored keys for this name and type: append only, never renumber
# =Type                         the parameters of a resource type follow
# N path:Datatype ...           parameter N; a step may carry [key=value]; a last @system gives the system of a code, and
#                               >Type,Type the types a reference may point at (none: any)
`;

const TYPES = new Set(["string", "token", "reference", "date", "number", "quantity", "uri"]);
const FIRST_NUMBER = 10; // below: parameters of every type, in params.rs

export function writeSearch(definitions, terminology, parameters, out) {
  const file = new URL("search.txt", out);
  const numbers = existingNumbers(file);
  const elements = new Map(definitions.map((d) => [d.name, d]));
  const systemOf = systems(terminology);
  const body = [];
  const resources = definitions.filter((d) => d.kind === "resource" && !d.abstract);
  for (const { name } of resources.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const wanted = (CHOSEN[name] ?? EVERY).split(" ");
    const lines = [];
    for (const code of wanted) {
      const found = parameters.find((p) => p.code === code && p.base.includes(name));
      if (!found && CHOSEN[name]) throw new Error(`${name} has no parameter ${code}`);
      if (!found || !TYPES.has(found.type) || !found.expression) continue;
      const places = [...new Set(found.expression.split("|").flatMap((e) => paths(e.trim(), name, found)))];
      if (places.length === 0) continue;
      const key = `${code} ${found.type}`;
      if (!numbers.has(key)) numbers.set(key, Math.max(FIRST_NUMBER - 1, ...numbers.values()) + 1);
      lines.push(`${numbers.get(key)} ${places.join(" ")}`);
    }
    if (lines.length) body.push(`=${name}`, ...lines);
  }
  const head = [...numbers].sort((a, b) => a[1] - b[1]).map(([key, n]) => `#${n} ${key}`);
  writeFileSync(file, HEAD + [...head, ...body].join("\n") + "\n");

  /** Places of one alternative of an expression, when it is about `resource`. */
  function paths(expression, resource, parameter) {
    if (parameter.code === "deceased") return ["deceasedBoolean:deceased", "deceasedDateTime:deceased"];
    const plain = expression.replace(/^\((.*?) as (\w+)\)/, "$1.as($2)").replace(/^(\S+) as (\w+)$/, "$1.as($2)");
    const steps = split(plain);
    if (steps.shift() !== resource) return [];
    let states = [{ type: resource, path: [], only: null }];
    for (const step of steps) {
      states = states.flatMap((state) => advance(state, step));
    }
    return states.flatMap((state) => {
      const targets = state.only ?? (state.targets?.length ? state.targets.join(",") : "");
      const more = state.type === "Reference" && targets ? ">" + targets : state.system ? "@" + state.system : "";
      return [`${state.path.join(".")}:${state.type}${more}`];
    });
  }

  function advance(state, step) {
    const call = /^(\w+)\((.*)\)$/.exec(step);
    if (call?.[1] === "as" || call?.[1] === "ofType") {
      const type = call[2];
      return type.toLowerCase() === state.type.toLowerCase() ? [state] : [];
    }
    if (call?.[1] === "where") {
      const target = /resolve\(\) is (\w+)/.exec(step);
      if (target) return [{ ...state, only: target[1] }];
      const equal = /where\((\w+)='([^']*)'\)/.exec(step);
      if (!equal) throw new Error("cannot read " + step);
      const path = [...state.path];
      path[path.length - 1] += `[${equal[1]}=${equal[2]}]`;
      return [{ ...state, path }];
    }
    if (call) throw new Error("cannot read " + step);
    return children(state.at ?? state.type, state.type, step).map(({ key, ...found }) => ({
      ...found,
      only: null,
      path: [...state.path, key],
    }));
  }

  /** JSON members that element `step` of a type may stand in, with their types. */
  function children(at, type, step) {
    const owner = elements.get(at.split(".")[0]) ?? elements.get(type);
    const list = owner.snapshot.element;
    const base = at.includes(".") ? at : owner.name;
    const element = list.find((e) => e.path === `${base}.${step}` || e.path === `${base}.${step}[x]`);
    if (!element) throw new Error(`${base} has no ${step}`);
    if (element.contentReference) {
      return [{ key: step, type: "BackboneElement", at: element.contentReference.replace(/^.*#/, "") }];
    }
    const nested = list.some((e) => e.path.startsWith(element.path + "."));
    return element.type.map((t) => {
      const code = typeCode(t, element.path);
      const choice = element.path.endsWith("[x]");
      const bound = code === "code" && element.binding?.strength === "required";
      return {
        key: choice ? step + code[0].toUpperCase() + code.slice(1) : step,
        type: code,
        at: nested ? element.path : undefined,
        system: bound ? systemOf(element.binding.valueSet) : null,
        targets: t.targetProfile?.map((p) => p.split("/").pop()).filter((n) => n !== "Resource"),
      };
    });
  }
}

/** Steps of a path: split at the dots that stand outside parentheses. */
function split(path) {
  const steps = [""];
  let depth = 0;
  for (const c of path) {
    depth += (c === "(") - (c === ")");
    if (c === "." && depth === 0) steps.push("");
    else steps[steps.length - 1] += c;
  }
  return steps;
}

function existingNumbers(file) {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  const rows = lines.map((l) => /^#(\d+) (\S+ \S+)$/.exec(l)).filter(Boolean);
  return new Map(rows.map(([, n, key]) => [key, Number(n)]));
}
