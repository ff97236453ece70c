// profiles.ndjson: the extensions and profiles that R4 itself defines, one StructureDefinition a line, only with what a
// check looks at.
import { writeFileSync } from "node:fs";

const ELEMENT = /^(id|path|isModifier|sliceName|slicing|min|max|type|fixed.*|pattern.*|binding|constraint|contentReference|maxLength|minValue.*|maxValue.*)$/;

/** Places where the standard's own definitions use an extension, and which it forgot to allow. */
const MORE_CONTEXTS = { "fhir-type": [{ type: "element", expression: "ElementDefinition.type" }] };

export function writeProfiles(definitions, out) {
  const lines = definitions
    .sort((a, b) => (a.url < b.url ? -1 : 1))
    .map((d) =>
      JSON.stringify({
        resourceType: "StructureDefinition",
        url: d.url,
        name: d.name,
        kind: d.kind,
        abstract: d.abstract || undefined,
        context: d.context?.concat(MORE_CONTEXTS[d.name] ?? []),
        type: d.type,
        baseDefinition: d.baseDefinition,
        derivation: d.derivation,
        differential: { element: d.differential.element.map(element) },
      }),
    );
  writeFileSync(new URL("profiles.ndjson", out), lines.join("\n") + "\n");
}

function element(e) {
  const out = {};
  for (const [key, value] of Object.entries(e)) if (ELEMENT.test(key)) out[key] = value;
  if (out.id === out.path) delete out.id;
  if (out.binding) out.binding = { strength: out.binding.strength, valueSet: out.binding.valueSet };
  if (out.slicing) delete out.slicing.description;
  if (out.type) out.type = out.type.map(({ code, profile, targetProfile }) => ({ code: code.replace(/^.*System\./, "").toLowerCase() === "string" && code.includes("System.") ? "string" : code, profile, targetProfile }));
  if (out.constraint) {
    out.constraint = out.constraint
      .filter((c) => c.expression && !/^(ele-1|ext-1)$/.test(c.key))
      .map(({ key, severity, human, expression }) => ({ key, severity, human, expression }));
    if (out.constraint.length === 0) delete out.constraint;
  }
  return out;
}
