// A Subscription as a form and as a line: what is wrong with it, the record that is sent, what state it is in. Pure.
// R4 Subscription; Subscriptions R5 Backport 1.1 for topics and for bundles with numbers.
import type { Subscription } from "../../api/types";
import { told, type Key } from "../../text/index.svelte";

const GUIDE = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition";

/** Where the topics of the box have their addresses. */
const TOPIC = "https://clinicvault.local/fhir/SubscriptionTopic/";

/** The topics of the box. */
export const TOPICS = [
  "observation-available", "report-available", "document-available", "patient-change", "appointment-change",
  "encounter-start", "encounter-complete", "order-change", "medication-change",
] as const;

export const CHANNELS = ["rest-hook", "websocket"] as const;
export const CONTENTS = ["id-only", "full-resource", "empty"] as const;

export interface Draft {
  reason: string;
  by: "topic" | "query";
  /** Name of a topic of the box, or `other`. */
  topic: string;
  /** Address of another topic. */
  other: string;
  /** One query a line; all must hold. */
  filters: string;
  query: string;
  channel: (typeof CHANNELS)[number];
  endpoint: string;
  /** One `Name: value` a line. */
  headers: string;
  content: (typeof CONTENTS)[number];
  /** In R4's own form: one record or an empty message, no numbers. Only for queries. */
  plain: boolean;
}

export const BLANK: Draft = { reason: "", by: "topic", topic: "observation-available", other: "", filters: "", query: "", channel: "rest-hook", endpoint: "", headers: "", content: "id-only", plain: false };

export const lines = (typed: string) => typed.split("\n").map((line) => line.trim()).filter(Boolean);

function isAddress(text: string): boolean {
  try {
    const url = new URL(text);
    return (url.protocol === "https:" || url.protocol === "http:") && url.username === "" && !text.includes("#");
  } catch {
    return false;
  }
}

/** The first fault of each field, as the key of its sentence. The box has the last word. */
export function faults(of: Draft): Partial<Record<keyof Draft, Key>> {
  const out: Partial<Record<keyof Draft, Key>> = {};
  if (of.reason.trim() === "") out.reason = "subs.bad.reason";
  if (of.by === "query" && !/^[A-Z][A-Za-z]+(\?.*)?$/.test(of.query.trim())) out.query = "subs.bad.query";
  if (of.by === "topic" && of.topic === "other" && !/^(https?:\/\/\S+|urn:\S+)$/.test(of.other.trim())) out.other = "subs.bad.topic";
  if (of.channel === "rest-hook") {
    if (!isAddress(of.endpoint.trim())) out.endpoint = "subs.bad.endpoint";
    if (!lines(of.headers).every((line) => /^[!#$%&'*+.^_`|~\w-]+:\s*\S/.test(line))) out.headers = "subs.bad.headers";
  }
  return out;
}

const topicOf = (of: Draft) => (of.topic === "other" ? of.other.trim() : `${TOPIC}${of.topic}`);

/** The record that is sent. */
export function resource(of: Draft): Record<string, unknown> {
  const byTopic = of.by === "topic";
  const plain = of.plain && !byTopic;
  const filters = byTopic ? lines(of.filters) : [];
  const headers = of.channel === "rest-hook" ? lines(of.headers) : [];
  const payload = plain
    ? of.content === "full-resource" ? { payload: "application/fhir+json" } : {}
    : { payload: "application/fhir+json", _payload: { extension: [{ url: `${GUIDE}/backport-payload-content`, valueCode: of.content }] } };
  return {
    resourceType: "Subscription",
    ...(plain ? {} : { meta: { profile: [`${GUIDE}/backport-subscription`] } }),
    status: "requested",
    reason: of.reason.trim(),
    criteria: byTopic ? topicOf(of) : of.query.trim(),
    ...(filters.length ? { _criteria: { extension: filters.map((filter) => ({ url: `${GUIDE}/backport-filter-criteria`, valueString: filter })) } } : {}),
    channel: { type: of.channel, ...(of.channel === "rest-hook" ? { endpoint: of.endpoint.trim() } : {}), ...payload, ...(headers.length ? { header: headers } : {}) },
  };
}

/** What is watched: a topic in words where the box knows it, and the lines as they are written. */
export function watched(criteria: string): { words: string | null; written: string[] } {
  const [first = "", ...filters] = criteria.split("\n").filter(Boolean);
  const name = first.startsWith(TOPIC) ? first.slice(TOPIC.length) : null;
  const words = name === null ? null : told(`subs.topic.${name}`, "") || null;
  return { words, written: words === null ? [first, ...filters] : filters };
}

/** How it is, as one word of the catalogue. */
export type Standing = "checking" | "live" | "trying" | "failed" | "paused" | "over";

export function standing(of: Pick<Subscription, "state" | "paused" | "failures">): Standing {
  switch (of.state) {
    case "requested": return of.failures > 0 ? "trying" : "checking";
    case "active": return of.failures > 0 ? "trying" : "live";
    case "error": return "failed";
    case "off": return of.paused ? "paused" : "over";
  }
}

/** Milliseconds until the list is looked at again: soon while something is under way. */
export const pause = (all: Pick<Subscription, "state" | "paused" | "failures" | "queued" | "behind">[]) =>
  all.some((one) => ["checking", "trying"].includes(standing(one)) || (one.state === "active" && (one.queued > 0 || one.behind > 0))) ? 2_000 : 15_000;
