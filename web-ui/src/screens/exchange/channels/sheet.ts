// What the other side's IT needs to connect, from a channel and its document. Pure.
import type { Channel, ChannelDocument, SheetStructure } from "../../../api/types";

export interface Sheet {
  /** Null where the box listens on all of its addresses: then each of its addresses will do. */
  host: string | null;
  port: string;
  tls: boolean;
  /** A certificate of its own instead of one of the clinic's authority. */
  ownCertificate: string | null;
  peers: string[];
  allow: string[];
  /** None: all that the box knows. */
  kinds: string[];
  processing: string[];
  charset: string | null;
  replayDays: number;
  refusesReuse: boolean;
  afterApply: boolean;
  strict: boolean;
}

/** `document` is null for the listener of the settings, which takes messages by the rules that hold without one. */
export function sheet(line: Channel, document: ChannelDocument | null): Sheet {
  const address = line.address ?? (document?.source.kind === "mllp" ? document.source.address : "");
  const cut = address.lastIndexOf(":");
  const host = address.slice(0, Math.max(cut, 0)).replace(/^\[|\]$/g, "");
  const rules = document?.rules;
  const tls = document?.source.kind === "mllp" ? document.source.tls : undefined;
  return {
    host: ["", "0.0.0.0", "::"].includes(host) ? null : host,
    port: address.slice(cut + 1),
    tls: line.tls,
    ownCertificate: tls?.certificate ?? null,
    peers: line.peers.map((peer) => peer.name || peer.fingerprint.slice(0, 16)),
    allow: line.allow,
    kinds: rules?.kinds ?? [],
    processing: rules?.processing ?? [],
    charset: rules?.charset ?? null,
    replayDays: rules?.replayDays ?? 7,
    refusesReuse: rules?.reuse === "refuse",
    afterApply: rules?.acknowledge === "apply",
    strict: rules?.strict ?? false,
  };
}

/** What is done with an event, in the order in which a reader looks for it; refused ones are said in one sentence. */
export const STATES = ["taken", "depends", "answered", "passedOver"] as const;
export type EventState = (typeof STATES)[number];

export interface Group {
  state: EventState;
  /** Structures with those of their events that are of this state. */
  structures: { structure: string; events: string[] }[];
}

/** The events by what is done with them; groups without any are left out. */
export function groups(structures: readonly SheetStructure[]): Group[] {
  return STATES.map((state) => ({
    state,
    structures: structures.map((one) => ({ structure: one.structure, events: one.events.filter((event) => event.state === state).map((event) => event.type) })).filter((one) => one.events.length > 0),
  })).filter((group) => group.structures.length > 0);
}
