// Exports as a form and jobs as lines. Pure.
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
