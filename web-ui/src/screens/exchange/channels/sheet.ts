// What the other side's IT needs to connect, from a channel and its document. Pure.
import type { Channel, ChannelDocument } from "../../../api/types";

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

/** Whether results are taken. */
export const takesResults = (kinds: readonly string[]) => kinds.length === 0 || kinds.some((kind) => kind === "ORU" || kind === "ORU^R01");

/** A message to begin with, about a person who does not exist. A result enters no record then: it waits until somebody says
 * whose it is. Only where results are not taken, it is a registration. */
export function sample(kinds: readonly string[]): string {
  const head = (kind: string) => `MSH|^~\\&|YOURSYSTEM|YOURSITE|CLINICVAULT|CLINIC|20260203090000+0530||${kind}|TEST0001|P|2.5.1||||||UNICODE UTF-8`;
  const person = "PID|1||TEST-1^^^YOURSITE^MR||Test^Line||19700101|U";
  return takesResults(kinds)
    ? [head("ORU^R01^ORU_R01"), person, "OBR|1||TEST-1|2339-0^Glucose^LN|||20260203083000+0530|||||||||||||||||||F", "OBX|1|NM|2339-0^Glucose^LN||100|mg/dL|70-140|N|||F"].join("\n")
    : [head("ADT^A04^ADT_A01"), "EVN||20260203090000+0530", person, "PV1|1|O"].join("\n");
}
