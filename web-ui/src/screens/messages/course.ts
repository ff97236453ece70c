// The course of a message, from its arrival to the record: each step with its time where one is known. Pure.
import type { InboxMessage } from "../../api/types";
import type { Params } from "../../text/index.svelte";

export interface Step {
  what: "received" | "answered" | "notAnswered" | "held" | "refused" | "reading" | "applied" | "dismissed" | "settled" | "later" | "laterUnheard";
  at: string | null;
  params?: Params;
}

/** When the newest of the records was written that the message became; null where none is told. */
function written(message: InboxMessage): string | null {
  const times = message.resources.filter((one) => one.version != null).map((one) => /"lastUpdated"\s*:\s*"([^"]+)"/.exec(one.json)?.[1]);
  return times.filter((one) => one !== undefined).sort().at(-1) ?? null;
}

export function course(message: InboxMessage): Step[] {
  const { state } = message.row;
  const steps: Step[] = [{ what: "received", at: message.received }];
  if (message.answered) steps.push({ what: "answered", at: null, params: { code: message.answered } });
  else steps.push({ what: "notAnswered", at: null });
  if (state === "received") steps.push({ what: "reading", at: null });
  if (state === "held") steps.push({ what: "held", at: null });
  if (state === "refused") steps.push({ what: "refused", at: null, params: { code: message.error?.code ?? "" } });
  if (message.settled) steps.push({ what: "settled", at: null, params: { who: message.settled.by } });
  if (state === "dismissed") steps.push({ what: "dismissed", at: null });
  if (state === "applied") steps.push({ what: "applied", at: written(message) });
  const later = message.answeredLater;
  if (later) steps.push({ what: later.heard ? "later" : "laterUnheard", at: null, params: { code: later.code } });
  return steps;
}
