// A question to the box's FHIR address as an integrator asks it: any address below the base, as oneself or under a token
// of a machine, and the answer as it came. What the box does not know is an error here. Nothing of it is kept.
import { BoxLost } from "./error";
import { withProof } from "./prove";

export const METHODS = ["GET", "POST", "PUT", "PATCH"] as const;
export type Method = (typeof METHODS)[number];

export interface Asked {
  /** DELETE is not among what a question offers; screens that take something away ask for it. */
  method: Method | "DELETE";
  /** Below the base, without a slash at the beginning: `Patient?name=x`. */
  to: string;
  body?: string;
  /** Sent instead of the own session. */
  token?: string;
  /** What the caller would like beside being told of everything that is not known: `respond-async`. */
  prefer?: string;
  /** The version that the change builds on. */
  ifMatch?: string;
}

export interface Answered {
  status: number;
  ms: number;
  bytes: number;
  type: string;
  /** Headers that say something about the answer. */
  headers: [string, string][];
  text: string;
}

/** Longest wait, in milliseconds. */
const PATIENCE_MS = 60_000;
/** Longest answer that is shown, in characters. */
export const LONGEST = 4_000_000;

const TOLD = ["etag", "last-modified", "location", "content-location", "retry-after", "x-progress", "www-authenticate", "allow"];

/** The base that records name: where this page came from. */
export const base = () => `${location.origin}/fhir`;

/** The content type that a body of this kind is sent with. */
export function typeOf(asked: Asked): string {
  const path = asked.to.split("?")[0] ?? "";
  if (path === "_uploads") return "application/fhir+ndjson";
  if (path.endsWith("_search")) return "application/x-www-form-urlencoded";
  if (asked.method === "PATCH" && asked.body?.trimStart().startsWith("[")) return "application/json-patch+json";
  return "application/fhir+json";
}

export async function ask(asked: Asked): Promise<Answered> {
  const headers = new Headers({ accept: "application/fhir+json", prefer: ["handling=strict", asked.prefer].filter(Boolean).join(", ") });
  if (asked.method !== "GET") {
    headers.set("x-clinicvault", "1");
    headers.set("content-type", typeOf(asked));
  }
  if (asked.ifMatch) headers.set("if-match", asked.ifMatch);
  if (asked.token) headers.set("authorization", `Bearer ${asked.token}`);
  const request = new Request(`${base()}/${asked.to}`, { method: asked.method, headers, body: asked.method === "GET" ? undefined : (asked.body ?? "") });
  const send = async (one: Request) => {
    try {
      return await fetch(one, { credentials: asked.token ? "omit" : "same-origin", cache: "no-store", redirect: "error", signal: AbortSignal.timeout(PATIENCE_MS) });
    } catch (cause) {
      throw new BoxLost("no answer", { cause });
    }
  };
  const began = performance.now();
  const response = await (asked.token ? send(request) : withProof(request, send));
  const text = await response.text();
  return {
    status: response.status,
    ms: performance.now() - began,
    bytes: new TextEncoder().encode(text).length,
    type: response.headers.get("content-type") ?? "",
    headers: TOLD.flatMap((name) => { const value = response.headers.get(name); return value === null ? [] : [[name, value] as [string, string]]; }),
    text: text.slice(0, LONGEST),
  };
}
