// terminology.txt: the code systems and value sets that R4's own definitions are bound to. The head of the written
// file explains the format.
import { writeFileSync } from "node:fs";

const HEAD = `# Code systems, value sets and concept maps of FHIR R4. Generated: see gateway/definitions. Columns stand behind tabs.
# =C url version content        a code system (content: complete, fragment, example, not-present); i behind it: case is ignored
# code display                  a concept; - in front for each level below its parent, then ! not selectable, ~ not active
# =V url version                a value set; its parts follow
# + system | - system           codes of a system taken in, or left out; | property op value for each filter; codes follow, if
#                               they are listed, as code display (no display where the code system has it)
# & url                         codes of a value set taken in
# =M url source target          a concept map; > system system for each group; code code equivalence for each pair
`;

/** Bigger systems, which belong to others and come in as files. */
const LEFT_OUT = /dicom\.nema\.org|spdx-license|TribalEntityUS|IndianAlaskaNativeLanguages|v3-Race$/;

/** Systems whose texts belong to others: only the codes that R4's value sets list are kept. */
const CODES_ONLY = /loinc\.org|snomed\.info/;

export function writeTerms(terminology, maps, bound, out) {
  const byUrl = new Map(terminology.map((r) => [`${r.resourceType} ${r.url}`, r]));
  const sets = new Map();
  const systems = new Map();
  const reach = (url) => {
    const set = byUrl.get("ValueSet " + url.split("|")[0]);
    if (!set?.compose || sets.has(set.url) || LEFT_OUT.test(set.url)) return;
    sets.set(set.url, set);
    for (const part of [...set.compose.include, ...(set.compose.exclude ?? [])]) {
      part.valueSet?.forEach(reach);
      const system = byUrl.get("CodeSystem " + part.system);
      if (system && !LEFT_OUT.test(system.url)) systems.set(system.url, system);
    }
  };
  bound.forEach(reach);
  for (const r of terminology) {
    const own = r.url?.startsWith("http://hl7.org/fhir/") || /\/v2-\d{4}$/.test(r.url ?? "");
    if (!own || LEFT_OUT.test(r.url)) continue;
    if (r.resourceType === "ValueSet" && !/\/v2-\d{4}$/.test(r.url)) reach(r.url);
    if (r.resourceType === "CodeSystem") systems.set(r.url, r);
  }
  const lines = [];
  const countries = byUrl.get("ValueSet http://hl7.org/fhir/ValueSet/iso3166-1-2").compose.include[0];
  systems.set(countries.system, { url: countries.system, content: "fragment", concept: countries.concept });
  for (const system of sorted(systems)) codeSystem(system, lines);
  for (const set of sorted(sets)) valueSet(set, systems, lines);
  for (const map of maps) conceptMap(map, lines);
  writeFileSync(new URL("terminology.txt", out), HEAD + lines.join("\n") + "\n");
}

const sorted = (map) => [...map.values()].sort((a, b) => (a.url < b.url ? -1 : 1));
const clean = (text) => (text ?? "").replace(/\s+/g, " ").trim();

function codeSystem(system, lines) {
  if (system.content === "supplement") return;
  const loose = system.caseSensitive === false ? "\ti" : "";
  lines.push(`=C\t${system.url}\t${clean(system.version)}\t${system.content}${loose}`);
  const walk = (concepts, depth) => {
    for (const c of concepts) {
      const is = (code) => c.property?.some((p) => p.code === code && p.valueBoolean === true);
      const status = c.property?.find((p) => p.code === "status")?.valueCode;
      const hidden = is("notSelectable") || is("abstract") ? "!" : "";
      const old = /retired|deprecated|inactive/.test(status ?? "") || is("inactive") ? "~" : "";
      const display = clean(c.display);
      const shown = display === c.code || !display ? "" : `\t${display}`;
      lines.push(`${"-".repeat(depth)}${hidden}${old}${escaped(c.code)}${shown}`);
      walk(c.concept ?? [], depth + 1);
    }
  };
  walk(system.concept ?? [], 0);
}

/** A code that begins with a mark of the format, behind a backslash. */
const escaped = (code) => (/^[-!~=+&>\\#]/.test(code) ? "\\" + code : code);

function valueSet(set, systems, lines) {
  lines.push(`=V\t${set.url}\t${clean(set.version)}`);
  const part = (mark, p) => {
    if (!p.system) return;
    const filters = (p.filter ?? []).map((f) => `\t|\t${f.property}\t${f.op}\t${f.value}`).join("");
    lines.push(`${mark}\t${p.system}${filters}`);
    const known = systems.has(p.system) || CODES_ONLY.test(p.system);
    for (const c of p.concept ?? []) {
      lines.push(known || !c.display ? escaped(c.code) : `${escaped(c.code)}\t${clean(c.display)}`);
    }
  };
  for (const p of set.compose.include) {
    part("+", p);
    if (p.system && p.valueSet) throw new Error(`${set.url} takes from a system and a value set at once`);
    p.valueSet?.forEach((url) => lines.push(`&\t${url}`));
  }
  for (const p of set.compose.exclude ?? []) part("-", p);
}

function conceptMap(map, lines) {
  const source = map.sourceUri ?? map.sourceCanonical;
  const target = map.targetUri ?? map.targetCanonical;
  if (!source || !target || /example|ConceptMap\/10\d/.test(map.url)) return;
  lines.push(`=M\t${map.url}\t${source}\t${target}`);
  for (const group of map.group ?? []) {
    lines.push(`>\t${group.source}\t${group.target}`);
    for (const element of group.element) {
      for (const t of element.target ?? []) {
        lines.push([escaped(element.code), t.code, t.equivalence].join("\t"));
      }
    }
  }
}
