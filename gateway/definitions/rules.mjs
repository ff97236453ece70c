// rules.txt: bindings and invariants of every element. The head of the written file explains the format.
import { writeFileSync } from "node:fs";

const HEAD = `# Bindings and invariants of FHIR R4. Generated: see gateway/definitions. Columns stand behind tabs.
# %N url                        value set N
# !N key e|w expression text    invariant N; e error, w warning
# =Type N N ...                 a type and its invariants, those of its bases among them
# element s%N N N ...           one of its elements: strength r required, x extensible, p preferred of value set N; invariants
`;

/** Expressions whose published form asks for another type than is meant. */
const MEANT = { "que-7": ["answer is Boolean", "answer is boolean"] };

const STRENGTH = { required: "r", extensible: "x", preferred: "p" };

/** Writes the file and answers the value sets that anything is bound to. */
export function writeRules(definitions, out) {
  const sets = new Map();
  const invariants = new Map();
  const intern = (map, key) => {
    if (!map.has(key)) map.set(key, map.size);
    return map.get(key);
  };
  const roots = new Map(definitions.map((d) => [d.name, d]));
  const inherited = (name) => {
    const keys = new Set();
    for (let at = roots.get(name); at; at = roots.get(at.baseDefinition?.split("/").pop())) {
      at.snapshot.element[0].constraint?.forEach((c) => keys.add(c.key));
    }
    return keys;
  };
  const numbers = (element, left) =>
    (element.constraint ?? [])
      .filter((c) => c.expression && !left.has(c.key))
      .map((c) => intern(invariants, [c.key, c.severity[0], clean(c.expression.replace(...(MEANT[c.key] ?? ["", ""]))), clean(c.human)].join("\t")));
  const lines = [];
  for (const definition of definitions) {
    if (definition.kind === "primitive-type") continue;
    const all = definition.snapshot.element;
    const parents = new Set(all.slice(1).map((e) => e.path.slice(0, e.path.lastIndexOf("."))));
    for (const path of parents) {
      const own = all.find((e) => e.path === path);
      const rows = [];
      for (const element of all) {
        const name = element.path.slice(path.length + 1);
        if (!element.path.startsWith(path + ".") || name.includes(".")) continue;
        if (/^(id|extension|modifierExtension)$/.test(name)) continue;
        const types = (element.type ?? []).flatMap((t) => [...inherited(t.code)]);
        const nested = parents.has(element.path) || element.contentReference;
        const rules = nested ? [] : numbers(element, new Set([...types, ...inherited("Element")]));
        const strength = STRENGTH[element.binding?.strength];
        const set = strength && element.binding.valueSet ? [strength + "%" + intern(sets, element.binding.valueSet.split("|")[0])] : [];
        if (set.length || rules.length) rows.push([name.replace("[x]", ""), ...set, ...rules].join(" "));
      }
      const rules = numbers(own, new Set());
      if (rows.length || rules.length) lines.push(["=" + path, ...rules].join(" "), ...rows);
    }
  }
  const tables = [
    ...[...sets].map(([url, n]) => `%${n} ${url}`),
    ...[...invariants].map(([row, n]) => `!${n}\t${row}`),
  ];
  writeFileSync(new URL("rules.txt", out), HEAD + [...tables, ...lines].join("\n") + "\n");
  return [...sets.keys()];
}

const clean = (text) => text.replace(/\s+/g, " ").trim();
