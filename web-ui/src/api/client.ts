// One door to the box: typed calls, the header that proves the page is ours, and the two facts the whole page
// listens for: is the box reachable, is the session still alive.
import { BoxLost, Refused } from "./error";

type Listener = (event: "reached" | "lost" | "signedOut" | "sealed") => void;
const listeners = new Set<Listener>();

/** Longest wait for an answer, in milliseconds. */
const PATIENCE_MS = 20_000;

export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell(event: "reached" | "lost" | "signedOut" | "sealed"): void {
  for (const listener of listeners) listener(event);
}

interface Options {
  signal?: AbortSignal;
  /** A 401 is the answer of this call and not the end of the session (sign-in itself). */
  mayRefuse?: boolean;
}

export async function call<T>(method: "GET" | "POST" | "PATCH" | "DELETE", path: string, body?: unknown, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (method !== "GET") headers["x-clinicvault"] = "1";
  if (body !== undefined) headers["content-type"] = "application/json";
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: options.signal ? AbortSignal.any([options.signal, patience]) : patience,
    });
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    tell("lost");
    throw new BoxLost("no answer", { cause });
  }
  tell("reached");
  const text = response.status === 204 ? "" : await response.text();
  const answer: unknown = text === "" ? null : parsed(text);
  if (response.ok) return answer as T;
  const refusal = refused(response, answer);
  if (response.status === 401 && !options.mayRefuse) tell("signedOut");
  if (response.status === 503 && refusal.code === "sealed") tell("sealed");
  throw refusal;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refused(response: Response, answer: unknown): Refused {
  const error = (answer as { error?: { code?: string; message?: string; field?: string | null } } | null)?.error;
  const after = Number(response.headers.get("retry-after"));
  return new Refused(response.status, error?.code ?? `status${response.status}`, error?.message ?? "", error?.field ?? null, answer, Number.isFinite(after) && after > 0 ? after : null);
}
