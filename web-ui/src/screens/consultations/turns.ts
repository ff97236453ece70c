// What a person may ask of a consultation, from where it stands and what their role reaches. Pure; the box decides again.
import { Refused } from "../../api/error";
import type { Consultation, Fee } from "../../api/types";
import { ageNow } from "../../format/age";

export interface Rights {
  /** The account. */
  me: string | undefined;
  /** Moves the queue. */
  desk: boolean;
  /** Takes money. */
  till: boolean;
  /** May say that nobody waits for money. */
  clinician: boolean;
  /** Has patients of their own. */
  doctor: boolean;
}

export type Act = "assign" | "pay" | "identity" | "consent" | "arrived" | "start" | "complete" | "accept" | "decline" | "transfer" | "takeBack" | "invite" | "emergency" | "absent" | "cancel";

/** What stands under "more": rarely the next thing. */
export const RARE: ReadonlySet<Act> = new Set<Act>(["transfer", "takeBack", "invite", "emergency", "absent", "cancel", "arrived"]);

/** After this long without the patient the doctor may say so (clinic-workflow.md section 3.1). */
export const ABSENT_MS = 15 * 60_000;

const OPEN_MONEY = ["CREATED", "PENDING", "CLAIMED"];

/** Whether somebody still has to take this money or look for it. */
export function isOpen(fee: Pick<Fee, "state">): boolean {
  return OPEN_MONEY.includes(fee.state);
}

/** What may be asked for now, the next thing first. */
export function actsOf(one: Consultation, rights: Rights, now: Date): Act[] {
  const { state } = one;
  const before = state === "REQUESTED" || state === "PENDING_PAYMENT" || state === "WAITING";
  const mine = rights.doctor && one.doctor?.id === rights.me;
  const since = one.steps.at(-1)?.since;
  const late = since !== undefined && now.getTime() - new Date(since).getTime() >= ABSENT_MS;
  const all: [Act, boolean][] = [
    ["accept", one.transfer?.to === rights.me && state === "ACTIVE"],
    ["decline", one.transfer?.to === rights.me && state === "ACTIVE"],
    ["start", mine && state === "WAITING" && one.identity && one.consent !== null && one.consent !== undefined],
    ["complete", mine && state === "ACTIVE"],
    ["assign", rights.desk && state === "REQUESTED"],
    ["pay", rights.till && one.payment !== null && one.payment !== undefined && isOpen(one.payment)],
    ["identity", rights.desk && before && !one.identity],
    ["consent", rights.desk && before && !one.consent],
    ["arrived", rights.desk && before && !one.arrived],
    ["transfer", mine && state === "ACTIVE" && !one.transfer],
    ["takeBack", mine && state === "ACTIVE" && one.transfer !== null && one.transfer !== undefined],
    ["invite", rights.desk && before && one.mode !== "inPerson"],
    ["emergency", rights.clinician && state === "PENDING_PAYMENT"],
    ["absent", mine && state === "WAITING" && !one.arrived && late],
    ["cancel", rights.desk && before],
  ];
  return all.filter(([, possible]) => possible).map(([act]) => act);
}

/** Danger first, then what was asked for first. */
export function inOrder(all: readonly Consultation[]): Consultation[] {
  const rank = { red: 0, yellow: 1, green: 2 } as const;
  const asked = (one: Consultation) => one.steps[0]?.since ?? "";
  return [...all].sort((a, b) => rank[a.colour] - rank[b.colour] || asked(a).localeCompare(asked(b)) || a.id.localeCompare(b.id));
}

/** Whether a grown-up has to be there. An age that is not known is asked about too. */
export function isMinor(birthDate: string | null | undefined, now: Date): boolean {
  const age = ageNow(birthDate ?? "", now);
  return age !== null && (age.unit !== "y" || age.n < 18);
}

/** Where a consultation stands by now, when it is not where the screen said. */
export function movedTo(problem: unknown, expected: Consultation["state"]): Consultation["state"] | null {
  if (!(problem instanceof Refused) || problem.status !== 409) return null;
  const state = (problem.body as { state?: unknown } | null)?.state;
  return typeof state === "string" && state !== expected ? (state as Consultation["state"]) : null;
}
