// One door to the box: calls typed by its own description, the header that proves the page is ours, and the facts the
// whole page listens for: is the box reachable, is the session still alive, are the records open.
import createClient from "openapi-fetch";
import { BoxLost, Refused } from "./error";
import { withProof } from "./prove";
import type { paths } from "./schema";

type News = "reached" | "lost" | "signedOut" | "sealed" | "rescue";
const listeners = new Set<(news: News) => void>();

/** Longest wait for an answer, in milliseconds; a test message waits for another system, a preview reads many messages, a
 * dictation is tens of megabytes. */
const PATIENCE_MS = 20_000;
const LONG_PATIENCE_MS = 45_000;
/** A file over a slow line. */
const UPLOAD_PATIENCE_MS = 180_000;
const SLOW = /\/(test|preview|dictations)$/;

export function listen(listener: (news: News) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell(news: News): void {
  for (const listener of listeners) listener(news);
}

async function send(request: Request): Promise<Response> {
  const patience = AbortSignal.timeout(SLOW.test(new URL(request.url).pathname) ? LONG_PATIENCE_MS : PATIENCE_MS);
  if (request.method !== "GET") request.headers.set("x-clinicvault", "1");
  try {
    const response = await fetch(request, { credentials: "same-origin", cache: "no-store", redirect: "error", signal: AbortSignal.any([request.signal, patience]) });
    tell("reached");
    return response;
  } catch (cause) {
    if (request.signal.aborted) throw cause;
    tell("lost");
    throw new BoxLost("no answer", { cause });
  }
}

export const api = createClient<paths>({ baseUrl: typeof location === "undefined" ? "" : location.origin, fetch: (request) => withProof(request, send) });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer of a call, or what the box said against it. `mayRefuse`: a 401 here is not the end of the session. */
export async function take<T>(work: Promise<Answer<T>>, mayRefuse: "mayRefuse" | "" = ""): Promise<T> {
  const { data, error, response } = await work;
  if (response.ok) return data as T;
  const refusal = refused(response, error);
  if (response.status === 401 && mayRefuse === "") tell("signedOut");
  if (response.status === 503 && (refusal.code === "sealed" || refusal.code === "rescue")) tell(refusal.code);
  throw refusal;
}

/** Sends bytes as they are and says which part of them has left; `fetch` does not tell. */
export function upload<T>(path: string, body: Blob, sent: (part: number) => void, mayRefuse: "mayRefuse" | "" = ""): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const lost = () => {
      tell("lost");
      reject(new BoxLost("no answer"));
    };
    request.open("POST", path);
    request.responseType = "json";
    request.timeout = UPLOAD_PATIENCE_MS;
    request.setRequestHeader("x-clinicvault", "1");
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) => sent(event.lengthComputable && event.total > 0 ? event.loaded / event.total : 0);
    request.onerror = lost;
    request.ontimeout = lost;
    request.onabort = lost;
    request.onload = () => {
      tell("reached");
      const retry = request.getResponseHeader("retry-after");
      const response = new Response(null, { status: request.status, headers: retry === null ? {} : { "retry-after": retry } });
      const answer: Answer<T> = response.ok ? { data: request.response as T, response } : { error: request.response, response };
      take(Promise.resolve(answer), mayRefuse).then(resolve, reject);
    };
    request.send(body);
  });
}

function refused(response: Response, body: unknown): Refused {
  const error = (body as { error?: { code?: string; message?: string; field?: string | null } } | null | undefined)?.error;
  const after = Number(response.headers.get("retry-after"));
  return new Refused(response.status, error?.code ?? `status${response.status}`, error?.message ?? "", error?.field ?? null, body, Number.isFinite(after) && after > 0 ? after : null);
}
