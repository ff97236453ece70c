// Opening a record in an emergency: what a reason must be, and how long it is open still. Pure.

/** Characters of a reason, as the box counts them: words with one space between. */
export const LEAST = 10;
export const MOST = 500;

export type ReasonFault = "withheld.reason.short" | "withheld.reason.long" | null;

export function fault(reason: string): ReasonFault {
  const length = [...reason.split(/\s+/).filter(Boolean).join(" ")].length;
  return length < LEAST ? "withheld.reason.short" : length > MOST ? "withheld.reason.long" : null;
}

/** Whole minutes until then, rounded up, so that the last one counts. */
export function minutesLeft(until: string, now: Date): number {
  return Math.max(0, Math.ceil((Date.parse(until) - now.getTime()) / 60_000));
}
