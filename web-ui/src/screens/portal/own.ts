// What a patient's own page says of a consultation. Pure.
import type { Consultation } from "../../api/types";

/** Whether nothing is left to wait for. */
export function isOver(one: Pick<Consultation, "state">): boolean {
  return one.state === "COMPLETED" || one.state === "CANCELLED" || one.state === "NO_SHOW";
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
