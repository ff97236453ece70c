// What is told of the box at this moment. Pure.
import type { Consultation, Live } from "../../api/types";

/** Consultations by how far they are: those that wait for a doctor, for money, to begin, and those that go on. */
export const STEPS = ["REQUESTED", "PENDING_PAYMENT", "WAITING", "ACTIVE"] as const;

export function counted(all: readonly Pick<Consultation, "state">[]): Record<(typeof STEPS)[number], number> {
  const many = (state: string) => all.filter((one) => one.state === state).length;
  return { REQUESTED: many("REQUESTED"), PENDING_PAYMENT: many("PENDING_PAYMENT"), WAITING: many("WAITING"), ACTIVE: many("ACTIVE") };
}

/** The share of all processors that the box took between two looks, 0 to 1; null without an earlier one. */
export function share(before: { at: number; live: Live } | null, at: number, live: Live): number | null {
  if (!before || at <= before.at || live.started !== before.live.started) return null;
  const seconds = (at - before.at) / 1000;
  const taken = live.machine.ownSeconds - before.live.machine.ownSeconds;
  return Math.min(1, Math.max(0, taken / seconds / Math.max(1, live.machine.processors)));
}

/** Bytes in the unit in which people speak of them. */
export function sizeOf(bytes: number): { n: string; unit: "MB" | "GB" } {
  const mega = bytes / 1_000_000;
  return mega < 1000 ? { n: Math.round(mega).toString(), unit: "MB" } : { n: (mega / 1000).toFixed(1), unit: "GB" };
}

/** How full something is, and from where on that is worth a look. */
export const FULL = { memory: 0.9, disk: 0.85 };

export function used(whole: number, free: number): number {
  return whole > 0 ? Math.min(1, Math.max(0, 1 - free / whole)) : 0;
}
