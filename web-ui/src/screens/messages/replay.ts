// A replay as a form and as a sentence: which messages are asked for, how far it is. Pure.
import type { Replay, ReplayAsk } from "../../api/types";

export interface AskDraft {
  of: "held" | "refused" | "both";
  channel: string;
  type: string;
  q: string;
  from: string;
  to: string;
}

/** The question that is sent; what is empty narrows nothing. */
export function askOf(draft: AskDraft): ReplayAsk {
  const said = (name: "channel" | "q" | "from" | "to") => (draft[name].trim() ? { [name]: draft[name].trim() } : {});
  const type = draft.type.trim().toUpperCase();
  return { of: draft.of, ...said("channel"), ...(type ? { type } : {}), ...said("q"), ...said("from"), ...said("to") };
}

/** Whether it still does something, so that it is looked at again and again. */
export const goesOn = (replay: Replay): boolean => replay.state === "running";
/** Whether a person can still decide about it. */
export const isOpen = (replay: Replay): boolean => replay.state === "running" || replay.state === "paused";

const COUNTS = ["applied", "held", "refused", "passedOver", "waiting", "left"] as const;
export type Count = (typeof COUNTS)[number];

/** What became of its messages, without what did not happen. */
export const became = (replay: Replay): { what: Count; n: number }[] => COUNTS.map((what) => ({ what, n: replay.counts[what] })).filter((one) => one.n > 0);
