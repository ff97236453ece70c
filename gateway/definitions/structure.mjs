// structure.txt: every type with its elements, one a line. The head of the written file explains the format.
import { writeFileSync } from "node:fs";
import { valueSets } from "./terminology.mjs";

const HEAD = `# Elements of FHIR R4 (4.0.1), from the published StructureDefinitions. Generated: see gateway/definitions.
# !N code code ...              value set N, of a required binding
# &N Type Type ...              reference targets N
# =Name Base                    a type; its elements follow; those of the base come with it
# name min..max[^] type ...     element; ^ marks summary elements. type: Name, Name!N (codes), Reference&N, @Type.path (nested)
`;

const SYSTEM = "http://hl7.org/fhirpath/System.";

/** Type code of one entry of ElementDefinition.type. */
export function typeCode(type, path) {
  if (!type.code.startsWith(SYSTEM)) return type.code;
  // Resource.id is declared as a string by an extension; the datatype id is what the specification asks for.
  if (/^[A-Z]\w+\.id$/.test(path) && type.resourceId) return "id";
  const named = type.extension?.find((e) => e.url.endsWith("structuredefinition-fhir-type"));
  return named?.valueUrl ?? "string";
}

export function writeStructure(definitions, terminology, out) {
  const codesOf = valueSets(terminology);
  const sets = new Map();
  const targets = new Map();
  const intern = (map, text) => {
    if (!map.has(text)) map.set(text, map.size);
    return map.get(text);
  };
  const lines = [];
  for (const definition of definitions) {
    if (definition.kind === "primitive-type") continue;
    types(definition).forEach(({ path, base, elements }) => {
      lines.push(`=${path} ${base}`);
      for (const element of elements) lines.push(line(definition, element, codesOf, sets, targets, intern));
    });
  }
  const tables = [
    ...[...sets].map(([codes, n]) => `!${n} ${codes}`),
    ...[...targets].map(([names, n]) => `&${n} ${names}`),
  ];
  writeFileSync(new URL("structure.txt", out), HEAD + [...tables, ...lines].join("\n") + "\n");
}

/** The type itself and one more for each element that has elements of its own. */
function types(definition) {
  const all = definition.snapshot.element;
  const root = all[0].path;
  const parents = new Set(all.slice(1).map((e) => e.path.slice(0, e.path.lastIndexOf("."))));
  return [...parents].map((path) => {
    const own = all.find((e) => e.path === path);
    const base =
      path === root ? (definition.baseDefinition?.split("/").pop() ?? "-") : own.type[0].code;
    const elements = all.filter(
      (e) =>
        e.path.startsWith(path + ".") &&
        !e.path.slice(path.length + 1).includes(".") &&
        (path === root ? e.base.path === e.path : !/\.(id|extension|modifierExtension)$/.test(e.path)),
    );
    return { path, base, elements };
  });
}

function line(definition, element, codesOf, sets, targets, intern) {
  const name = element.path.split(".").pop();
  const isSummary = element.isSummary ? "^" : "";
  const nested = definition.snapshot.element.some((e) => e.path.startsWith(element.path + "."));
  let kinds;
  if (element.contentReference) kinds = ["@" + element.contentReference.replace(/^.*#/, "")];
  else if (nested) kinds = ["@" + element.path];
  else kinds = element.type.map((type) => kind(type));
  return `${name} ${element.min}..${element.max}${isSummary} ${kinds.join(" ")}`;

  function kind(type) {
    const resourceId = definition.name === "Resource" && name === "id";
    const code = typeCode({ ...type, resourceId }, element.path);
    if (type.targetProfile && (code === "Reference" || code === "canonical")) {
      const names = type.targetProfile.map((t) => t.split("/").pop());
      if (code === "Reference" && !names.includes("Resource")) {
        return `${code}&${intern(targets, names.sort().join(" "))}`;
      }
    }
    if (element.binding?.strength === "required" && code === "code") {
      const codes = codesOf(element.binding.valueSet);
      if (codes) return `${code}!${intern(sets, codes.join(" "))}`;
    }
    return code;
  }
}
