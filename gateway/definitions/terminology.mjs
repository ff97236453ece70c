// Value sets whose codes can be listed from the definitions alone.

/** At most this many codes of one value set are embedded. */
const MOST_CODES = 300;

/** Answers a function from value set URL to its codes, or null when they cannot or should not be listed. */
export function valueSets(terminology) {
  const byUrl = index(terminology);
  const codes = (url, seen = new Set()) => {
    const set = byUrl.get("ValueSet " + url.split("|")[0]);
    if (!set?.compose || seen.has(url)) return null;
    seen.add(url);
    const include = set.compose.include.map((part) => included(part, seen));
    if (include.some((part) => part === null)) return null;
    const left = new Set(include.flat());
    for (const part of set.compose.exclude ?? []) {
      const away = included(part, seen);
      if (away === null) return null;
      away.forEach((code) => left.delete(code));
    }
    return [...left];
  };
  const included = (part, seen) => {
    if (part.filter) return null;
    if (part.concept) return part.concept.map((c) => c.code);
    if (part.valueSet && !part.system) {
      const lists = part.valueSet.map((url) => codes(url, seen));
      return lists.includes(null) ? null : lists.flat();
    }
    const system = byUrl.get("CodeSystem " + part.system);
    if (!system?.concept || !["complete", undefined].includes(system.content)) return null;
    return flat(system.concept);
  };
  return (url) => {
    const list = codes(url);
    if (!list?.length || list.length > MOST_CODES || list.some((c) => /\s/.test(c))) return null;
    return list;
  };
}

/** Answers a function from value set URL to the one code system it draws on, or null. */
export function systems(terminology) {
  const byUrl = index(terminology);
  return (url) => {
    const set = byUrl.get("ValueSet " + url.split("|")[0]);
    const parts = set?.compose?.include ?? [];
    const names = new Set(parts.map((p) => p.system));
    return names.size === 1 && !parts.some((p) => p.valueSet) ? ([...names][0] ?? null) : null;
  };
}

const index = (terminology) => new Map(terminology.map((r) => [`${r.resourceType} ${r.url}`, r]));
const flat = (concepts) => concepts.flatMap((c) => [c.code, ...flat(c.concept ?? [])]);
