// What a patient's own page says of a consultation. Pure.
import type { Consultation } from "../../api/types";

/** Whether nothing is left to wait for. */
export function isOver(one: Pick<Consultation, "state">): boolean {
  return one.state === "COMPLETED" || one.state === "CANCELLED" || one.state === "NO_SHOW";
}

/** Whether its room is open, so that files can be handed over. */
export function takesFiles(one: Pick<Consultation, "state">): boolean {
  return one.state === "WAITING" || one.state === "ACTIVE";
}

/** The step of a way of four that somebody at home follows: asked, paid, waits, with the doctor. */
export function stepOf(one: Pick<Consultation, "state">): number {
  return one.state === "REQUESTED" ? 0 : one.state === "PENDING_PAYMENT" ? 1 : one.state === "WAITING" ? 2 : 3;
}

/** A year of birth, or null. */
export function yearOf(text: string): number | null {
  const plain = text.trim();
  return /^(19|20)\d\d$/.test(plain) ? Number(plain) : null;
}

/** Somebody who looked at the record on one day. */
export interface Looked {
  key: string;
  who: string;
  role: string;
  /** The last time of that day. */
  last: string;
  times: number;
  actions: string[];
}

/** Lines of the log, the newest first, as one line for each person and day; `dayOf` names the day of a time. */
export function byDay(rows: readonly { at: string; who: string; role: string; action: string }[], dayOf: (at: string) => string): Looked[] {
  const known = new Map<string, Looked>();
  for (const row of rows) {
    const key = `${dayOf(row.at)} ${row.who} ${row.role}`;
    const one = known.get(key);
    if (!one) known.set(key, { key, who: row.who, role: row.role, last: row.at, times: 1, actions: [row.action] });
    else {
      one.times += 1;
      if (!one.actions.includes(row.action)) one.actions.push(row.action);
    }
  }
  return [...known.values()];
}
