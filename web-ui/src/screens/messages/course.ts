// The course of a message, from its arrival to the record: each step with its time where one is known. Pure.
import type { InboxMessage, Moment } from "../../api/types";
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
  /** When something last happened; rows of an older program do not tell. */
  const at = (what: Moment["what"]): string | null => message.course.findLast((one) => one.what === what)?.at ?? null;
  // The answer is kept with the message in one commit, unless it waited for the record.
  const answered = at("answered") ?? message.received;
  const steps: Step[] = [{ what: "received", at: message.received }];
  if (message.answered) steps.push({ what: "answered", at: answered, params: { code: message.answered } });
  else steps.push({ what: "notAnswered", at: null });
  if (state === "received") steps.push({ what: "reading", at: null });
  if (state === "held") steps.push({ what: "held", at: at("held") });
  if (state === "refused") steps.push({ what: "refused", at: message.received, params: { code: message.error?.code ?? "" } });
  if (message.settled) steps.push({ what: "settled", at: at("settled"), params: { who: message.settled.by } });
  if (state === "dismissed") steps.push({ what: "dismissed", at: at("settled") ?? message.received });
  if (state === "applied") steps.push({ what: "applied", at: at("applied") ?? written(message) });
  const later = message.answeredLater;
  if (later) steps.push({ what: later.heard ? "later" : "laterUnheard", at: at("heard"), params: { code: later.code } });
  return steps;
}
