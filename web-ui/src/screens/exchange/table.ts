// The records of an answer as a table: which columns say most, and the line in each cell. Pure.
import { items, member, plain, type Node } from "./json";
import { say } from "./say";

/** The records of an answer: the entries of a bundle, or the one resource. */
export interface Line {
  key: string;
  /** `Type/id`, where the record has both. */
  where: string;
  /** match or include; empty outside of a searchset. */
  mode: string;
  record: Node;
}

/** Most columns beside the first. */
const WIDEST = 6;

/** Members that say little in a line of a table. */
const DULL = new Set(["resourceType", "id", "meta", "text", "contained", "extension", "modifierExtension", "implicitRules", "language", "identifier"]);

/** The records of an answer, in its order. */
export function lines(answer: Node): Line[] {
  const type = plain(member(answer, "resourceType"));
  if (type !== "Bundle") return type === undefined ? [] : [{ key: "0", where: where(answer), mode: "", record: answer }];
  return items(member(answer, "entry")).flatMap((entry, at) => {
    const record = member(entry, "resource") ?? member(entry, "response");
    const mode = plain(member(member(entry, "search"), "mode")) ?? "";
    return record && mode !== "outcome" ? [{ key: String(at), where: where(record), mode, record }] : [];
  });
}

function where(record: Node): string {
  return [plain(member(record, "resourceType")), plain(member(record, "id"))].filter(Boolean).join("/");
}

/** The members that most of the records have, in the order in which they stand. */
export function columns(all: Line[]): string[] {
  const seen = new Map<string, number>();
  for (const { record } of all) {
    if (record.kind !== "object") continue;
    for (const { name } of record.members) if (!DULL.has(name) && !name.startsWith("_")) seen.set(name, (seen.get(name) ?? 0) + 1);
  }
  const most = [...seen].sort((a, b) => b[1] - a[1]).slice(0, WIDEST);
  const kept = new Set(most.map(([name]) => name));
  return [...seen.keys()].filter((name) => kept.has(name));
}

/** The line in a cell. */
export function cell(row: Line, column: string): string {
  return brief(say(member(row.record, column)));
}

/** What a bundle tells about itself: its total and the links to other pages, as addresses below `base`. */
export function pages(answer: Node, base: string): { total: string | null; links: { relation: string; to: string }[] } {
  const total = plain(member(answer, "total")) ?? null;
  const links = items(member(answer, "link")).flatMap((link) => {
    const relation = plain(member(link, "relation")) ?? "";
    const url = plain(member(link, "url")) ?? "";
    const own = url.startsWith(base) ? url.slice(base.length).replace(/^\//, "") : null;
    return own !== null && ["previous", "prev", "next", "first"].includes(relation) ? [{ relation, to: own }] : [];
  });
  return { total, links };
}

/** A long logical id cut for the eye: `Observation/46a64162…`. */
export function brief(text: string): string {
  return text.replace(/\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "$1…");
}
