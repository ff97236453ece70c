// An alert about a channel in a sentence that says what to do, and its bounds as a form. The sentences are pure.
import type { Bounds, Channel, ChannelAlert } from "../../../api/types";
import { stamp } from "../../../format/dates";
import { lang, t, tn, type Key } from "../../../text/index.svelte";

/** What is wrong, and what to do about it. */
export function alertText(alert: ChannelAlert, line: Channel | null): string {
  const when = (at: string | null | undefined) => stamp(at ?? alert.since, lang(), false);
  switch (alert.about) {
    // Nothing came since the last message; without one, since the box or the channel began, as long as was counted.
    case "silent": return line?.lastMessage ? t("alerts.silent", { when: when(line.lastMessage) }) : t("alerts.silentEver", { when: when(new Date(Date.parse(alert.since) - alert.number * 60_000).toISOString()) });
    case "errors": return t("alerts.errors", { n: alert.number });
    case "waiting": return t("alerts.waiting", { when: when(line?.queue.oldest ?? new Date(Date.parse(alert.since) - alert.number * 60_000).toISOString()) });
    case "certificate": return alert.number < 0 ? t("alerts.ended") : tn("alerts.certificate", alert.number);
    case "failed": return t("alerts.failed");
  }
}

/** The bounds, as somebody types them; empty or 0 turns one off. */
export type BoundsDraft = Record<keyof Bounds, string>;

/** Those of a channel that names none. */
const USUAL: Bounds = { silentMinutes: 0, errorPercent: 20, waitingMinutes: 30, certificateDays: 21 };
const MOST: Bounds = { silentMinutes: 525_600, errorPercent: 100, waitingMinutes: 525_600, certificateDays: 365 };
export const BOUNDS = Object.keys(USUAL) as (keyof Bounds)[];

export function boundsDraft(of: Partial<Bounds> | undefined): BoundsDraft {
  const one = (name: keyof Bounds) => String((of?.[name] ?? USUAL[name]) || "");
  return { silentMinutes: one("silentMinutes"), errorPercent: one("errorPercent"), waitingMinutes: one("waitingMinutes"), certificateDays: one("certificateDays") };
}

/** What is typed as a number; null for anything that is none or too much. */
function bound(typed: string, most: number): number | null {
  const text = typed.trim();
  if (text === "") return 0;
  return /^\d{1,6}$/.test(text) && Number(text) <= most ? Number(text) : null;
}

export function boundFaults(draft: BoundsDraft): Partial<Record<keyof Bounds, Key>> {
  return Object.fromEntries(BOUNDS.filter((name) => bound(draft[name], MOST[name]) === null).map((name) => [name, "alerts.bad" as const]));
}

export function boundsOf(draft: BoundsDraft): Bounds {
  const one = (name: keyof Bounds) => bound(draft[name], MOST[name]) ?? 0;
  return { silentMinutes: one("silentMinutes"), errorPercent: one("errorPercent"), waitingMinutes: one("waitingMinutes"), certificateDays: one("certificateDays") };
}

/** The largest number of a field. */
export const mostOf = (name: keyof Bounds): number => MOST[name];
