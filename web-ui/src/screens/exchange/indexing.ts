// How far records are indexed, as a part of a hundred, and when to look again. Pure.
import type { IndexState, OwnParameter } from "../../api/types";

/** Whole percent; 100 only when every record was looked at. */
export function far(of: { done: number; of: number }): number {
  return of.of === 0 ? 100 : Math.min(100, Math.floor((100 * of.done) / of.of));
}

/** Milliseconds until the next look: soon while something is being indexed. */
export function rest(now: { index: Pick<IndexState, "state">; parameters: Pick<OwnParameter, "state">[] } | null): number {
  const busy = now !== null && (now.index.state !== "ready" || now.parameters.some((one) => one.state !== "ready"));
  return busy ? 2_000 : 30_000;
}
