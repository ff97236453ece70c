// A channel as a line and as a form: its hours for the chart, what waits, the document that a form makes and what is wrong
// with it. Pure. The box checks every document once more and has the last word.
import type { Channel, ChannelHour } from "../../../api/types";
import type { Key } from "../../../text/index.svelte";

const HOUR = 3_600_000;

export interface Bar {
  /** When the hour began, in milliseconds since 1970. */
  at: number;
  received: number;
  refused: number;
  held: number;
}

/** Twenty-four hours, the current one last. Hours begin where the box says that they do, which is not everywhere at the full
 * hour of UTC; without any there is nothing to go by and nothing to show. */
export function bars(hours: readonly ChannelHour[], now: number): Bar[] {
  const known = new Map(hours.map((hour) => [Date.parse(hour.at), hour]));
  const first = hours[0];
  if (!first) return [];
  const phase = Date.parse(first.at) % HOUR;
  const last = Math.floor((now - phase) / HOUR) * HOUR + phase;
  return Array.from({ length: 24 }, (_, i) => {
    const at = last - (23 - i) * HOUR;
    const hour = known.get(at);
    return { at, received: hour?.received ?? 0, refused: hour?.refused ?? 0, held: hour?.held ?? 0 };
  });
}

export interface Sum {
  received: number;
  refused: number;
  held: number;
}

/** The bars added up. */
export function sum(all: readonly Bar[]): Sum {
  const add = (of: (bar: Bar) => number) => all.reduce((so, bar) => so + of(bar), 0);
  return { received: add((b) => b.received), refused: add((b) => b.refused), held: add((b) => b.held) };
}

/** Messages of the current hour and of the one before: a rate that is not nothing just after the full hour. */
export function lately(all: readonly Bar[]): number {
  return sum(all.slice(-2)).received;
}

/** Whether somebody has to look at it: it does not run, something was refused within two hours, or a receiver wants none. */
export function troubled(line: Channel, now: number): boolean {
  return line.state === "failed" || line.queue.failed > 0 || sum(bars(line.hours, now).slice(-2)).refused > 0;
}

export const KINDS = ["mllp", "http", "folder", "analyser", "records"] as const;
export type Kind = (typeof KINDS)[number];

export interface Draft {
  kind: Kind;
  name: string;
  title: string;
  address: string;
  /** Addresses and networks, one a line. */
  allow: string;
  tls: boolean;
  /** `name: fingerprint`, one a line. */
  peers: string;
  /** Ids of tokens, one a line. */
  tokens: string;
  path: string;
  /** Kinds of messages that leave, with commas between. */
  messages: string;
  to: string;
  replayDays: string;
  reuse: "keep" | "refuse";
  acknowledge: "commit" | "apply";
}

export const BLANK: Draft = { kind: "mllp", name: "", title: "", address: "0.0.0.0:2576", allow: "", tls: true, peers: "", tokens: "", path: "", messages: "ADT^A08, ORU^R01", to: "", replayDays: "7", reuse: "keep", acknowledge: "commit" };

const lines = (typed: string) => typed.split("\n").map((line) => line.trim()).filter(Boolean);

/** Host and port of what was typed; null for anything else. */
function hostPort(typed: string): { host: string; port: number } | null {
  const found = /^(\[[0-9a-fA-F:]+\]|[^\s:]+):(\d{1,5})$/.exec(typed.trim());
  const port = Number(found?.[2]);
  return found?.[1] && port <= 65_535 ? { host: found[1].replace(/^\[|\]$/g, ""), port } : null;
}

/** Whose certificate, and its fingerprint; null where a line holds none. */
function pin(line: string): { name: string; fingerprint: string } | null {
  const found = /^(?:(.*?)[:\s]\s*)?((?:[0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2})$/.exec(line);
  return found?.[2] ? { name: (found[1] ?? "").replace(/[:\s]+$/, ""), fingerprint: found[2] } : null;
}

/** The first fault of each field, as the key of its sentence. */
export function faults(of: Draft): Partial<Record<keyof Draft, Key>> {
  const out: Partial<Record<keyof Draft, Key>> = {};
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(of.name) || of.name === "default" || of.name === "new") out.name = "channels.bad.name";
  if ((of.kind === "mllp" || of.kind === "analyser") && !hostPort(of.address)) out.address = "channels.bad.address";
  if (of.kind === "mllp" && of.tls && !lines(of.peers).every(pin)) out.peers = "channels.bad.peers";
  if (of.kind === "http" && lines(of.tokens).length === 0) out.tokens = "channels.bad.tokens";
  if (of.kind === "folder" && of.path.trim() === "") out.path = "channels.bad.path";
  if (of.kind === "records" && of.messages.split(",").every((one) => one.trim() === "")) out.messages = "channels.bad.messages";
  if (of.kind === "records" && !(hostPort(of.to)?.port ?? 0)) out.to = "channels.bad.to";
  const days = Number(of.replayDays);
  if (of.kind !== "records" && !(Number.isInteger(days) && days >= 1 && days <= 365)) out.replayDays = "channels.bad.replayDays";
  return out;
}

function source(of: Draft): Record<string, unknown> {
  const address = of.address.trim();
  switch (of.kind) {
    case "mllp": {
      const allow = lines(of.allow);
      const peers = lines(of.peers).map(pin);
      return { kind: "mllp", address, ...(allow.length ? { allow } : {}), ...(of.tls ? { tls: peers.length ? { peers } : {} } : {}) };
    }
    case "http": return { kind: "http", tokens: lines(of.tokens) };
    case "folder": return { kind: "folder", path: of.path.trim() };
    case "analyser": {
      const allow = lines(of.allow);
      return { kind: "analyser", line: { by: "listen", address, ...(allow.length ? { allow } : {}) } };
    }
    case "records": return { kind: "records", messages: of.messages.split(",").map((one) => one.trim()).filter(Boolean) };
  }
}

/** The document that is sent. */
export function document(of: Draft): Record<string, unknown> {
  const title = of.title.trim();
  const head = { name: of.name, ...(title ? { title } : {}), source: source(of) };
  if (of.kind === "records") return { ...head, destinations: [{ name: "receiver", to: { kind: "mllp", ...hostPort(of.to) } }] };
  return { ...head, rules: { replayDays: Number(of.replayDays), reuse: of.reuse, acknowledge: of.acknowledge } };
}

/** What is wrong at one place of a document, as the box says it. */
export interface Issue {
  place: string | null;
  message: string;
}

/** The field of the form for a place of its document. */
export function fieldOf(place: string | null): keyof Draft | null {
  const first = (ways: [string, keyof Draft][]) => ways.find(([way]) => place === way || place?.startsWith(`${way}.`) || place?.startsWith(`${way}[`))?.[1];
  return first([["name", "name"], ["title", "title"], ["source.address", "address"], ["source.line.address", "address"], ["source.allow", "allow"], ["source.line.allow", "allow"], ["source.tls", "peers"], ["source.tokens", "tokens"], ["source.path", "path"], ["source.messages", "messages"], ["destinations", "to"], ["rules.replayDays", "replayDays"]]) ?? null;
}

/** The places of a refusal, or none where it says nothing of the kind. */
export function issuesOf(body: unknown): Issue[] {
  const issues = (body as { error?: { issues?: unknown } } | null)?.error?.issues ?? (body as { issues?: unknown } | null)?.issues;
  if (!Array.isArray(issues)) return [];
  return issues.map((one: { place?: unknown; message?: unknown }) => ({ place: typeof one.place === "string" ? one.place : null, message: String(one.message ?? "") }));
}
