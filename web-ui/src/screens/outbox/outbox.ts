// The outbox as it is read: what came of an attempt in words, what a person may decide, channel and name of a destination.
// Pure.
import type { Attempt, OutboxState } from "../../api/types";

/** How sure it is what came of an attempt: done, to be tried again by itself, not known, for a person. */
export type Class = "done" | "again" | "unknown" | "person";

const CLASSES: Record<string, Class> = { taken: "done", accepted: "done", refused: "person", rejected: "again", notSent: "again", noAnswer: "unknown" };

export function classOf(attempt: Pick<Attempt, "outcome">): Class {
  return CLASSES[attempt.outcome] ?? "unknown";
}

/** Sending again, in another version: only what stopped. */
export const mayResend = (state: OutboxState) => state === "failed";
/** Giving up: what stopped, and what is still on its way. */
export const mayGiveUp = (state: OutboxState) => state === "failed" || state === "waiting" || state === "accepted";

/** `to-hospital/his` in its two parts. */
export function parts(destination: string): { channel: string; name: string } {
  const at = destination.indexOf("/");
  return at < 0 ? { channel: destination, name: "" } : { channel: destination.slice(0, at), name: destination.slice(at + 1) };
}

/** The destinations that a page names and those that are paused, each once, in order. */
export function destinations(rows: readonly { destination: string }[], paused: readonly string[]): { name: string; paused: boolean }[] {
  const names = new Set([...rows.map((row) => row.destination), ...paused]);
  return [...names].sort().map((name) => ({ name, paused: paused.includes(name) }));
}
