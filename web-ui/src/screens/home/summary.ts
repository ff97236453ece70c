// What the first screen says in one sentence and one sign, worst first.
export interface Facts {
  /** Every part was read. */
  known: boolean;
  /** Critical results that wait, as far as the list goes. */
  waiting: number;
  /** Whether the list of critical results is incomplete. */
  more: boolean;
  /** Messages that wait for a person. */
  held: number;
  /** Whether the records have no second place. */
  noBackup: boolean;
}

export type Summary = "unknown" | "critical" | "incomplete" | "held" | "backup" | "well";

export function summary(facts: Facts): Summary {
  if (!facts.known) return "unknown";
  if (facts.waiting > 0) return "critical";
  if (facts.more) return "incomplete";
  if (facts.held > 0) return "held";
  return facts.noBackup ? "backup" : "well";
}
