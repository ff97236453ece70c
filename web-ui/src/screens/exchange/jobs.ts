// Exports and imports as forms, and jobs as lines. Pure.
import type { Job } from "../../api/types";

/** What an export holds. */
export type Level = "system" | "patient" | "group";

export interface Export {
  level: Level;
  /** Id of the group. */
  group: string;
  /** FHIR types; all when empty. */
  types: string[];
  /** An instant; everything when empty. */
  since: string;
}

/** The address below the base, and the parameters in the body. */
export function kickOff(of: Export): { to: string; body: string } {
  const to = of.level === "system" ? "$export" : of.level === "patient" ? "Patient/$export" : `Group/${encodeURIComponent(of.group)}/$export`;
  const parameter = [
    ...(of.types.length ? [{ name: "_type", valueString: of.types.join(",") }] : []),
    ...(of.since === "" ? [] : [{ name: "_since", valueInstant: of.since }]),
  ];
  return { to, body: JSON.stringify({ resourceType: "Parameters", ...(parameter.length ? { parameter } : {}) }) };
}

export const open = (job: Pick<Job, "state">) => job.state === "waiting" || job.state === "running";

/** Milliseconds until the list is looked at again: soon while something runs. */
export const pause = (jobs: Pick<Job, "state">[]) => (jobs.some(open) ? 2_000 : 15_000);

/** Bytes as people say them. */
export function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const [n, unit] = bytes < 1_000_000 ? [bytes / 1_000, "kB"] : bytes < 1_000_000_000 ? [bytes / 1_000_000, "MB"] : [bytes / 1_000_000_000, "GB"];
  return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${unit}`;
}

export interface Part {
  type: string;
  url: string;
  count: number;
  role: "output" | "deleted" | "error";
}

/** The files of a finished job, from its manifest, as addresses below the base. The box names them by the name under which
 * it was asked, which another box before it may have changed; what is no file of this job is left out. */
export function parts(manifest: unknown, job: string): Part[] {
  const of = (manifest ?? {}) as Record<string, unknown>;
  return (["output", "deleted", "error"] as const).flatMap((role) => {
    const rows = Array.isArray(of[role]) ? (of[role] as Record<string, unknown>[]) : [];
    return rows.flatMap((row) => {
      const [, file] = /\/fhir\/_jobs\/([^/?#]+\/[^/?#]+)$/.exec(String(row["url"] ?? "")) ?? [];
      return file?.startsWith(`${job}/`) ? [{ role, url: `_jobs/${file}`, type: String(row["type"] ?? ""), count: Number(row["count"] ?? 0) }] : [];
    });
  });
}

/** Most bytes of one upload; the box takes a little more. */
export const PIECE = 4_000_000;

/** Lines of one type, as they are sent. */
export interface Lines {
  type: string;
  text: string;
}

/** NDJSON, or one FHIR resource as JSON, as lines by type in pieces that the box takes; types in the order in which they
 * come. Throws the number of a line that is no resource. */
export function byType(text: string, most = PIECE): Lines[] {
  const done: Lines[] = [];
  const open = new Map<string, { lines: string[]; size: number }>();
  const close = (type: string, of: string[]) => done.push({ type, text: `${of.join("\n")}\n` });
  for (const { line, number } of resources(text)) {
    const type = typeOfLine(line);
    if (type === null) throw new BadLine(number);
    const piece = open.get(type) ?? { lines: [], size: 0 };
    const size = new TextEncoder().encode(line).length + 1;
    if (piece.lines.length > 0 && piece.size + size > most) {
      close(type, piece.lines);
      piece.lines = [];
      piece.size = 0;
    }
    piece.lines.push(line);
    piece.size += size;
    open.set(type, piece);
  }
  for (const [type, piece] of open) close(type, piece.lines);
  return done;
}

export class BadLine extends Error {
  override readonly name = "BadLine";
  constructor(readonly line: number) {
    super(`line ${line}`);
  }
}

function resources(text: string): { line: string; number: number }[] {
  // A resource over several lines is one line for the box; numbers keep their digits, as nothing but space goes.
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const first = lines.findIndex((line) => line.trim() !== "");
  if (first >= 0 && typeOfLine(lines[first] ?? "") === null && typeOfLine(text) !== null) return [{ line: lines.map((line) => line.trim()).join(" ").trim(), number: 1 }];
  return lines.flatMap((line, n) => (line.trim() === "" ? [] : [{ line: line.trim(), number: n + 1 }]));
}

function typeOfLine(line: string): string | null {
  try {
    const one = JSON.parse(line) as { resourceType?: unknown } | null;
    const type = one?.resourceType;
    return typeof type === "string" && /^[A-Z][A-Za-z]{1,63}$/.test(type) ? type : null;
  } catch {
    return null;
  }
}

/** Lines of the field for files in the folders of the box: `Patient people.ndjson`. Null where one is not of that form. */
export function inFolder(typed: string): { type: string; url: string }[] | null {
  const rows = typed.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => /^([A-Z][A-Za-z]{1,63})\s+(\S.*)$/.exec(line));
  return rows.every((row) => row !== null) ? rows.map((row) => ({ type: row[1] ?? "", url: row[2] ?? "" })) : null;
}

/** The body of an `$import`. */
export function manifest(source: string, inputs: { type: string; url: string }[]): string {
  return JSON.stringify({ inputFormat: "application/fhir+ndjson", inputSource: source, input: inputs });
}
