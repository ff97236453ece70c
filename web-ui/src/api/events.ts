// The live feed: one WebSocket that resumes after the last Tx seen, and a poll of the same feed every 5 s while
// the socket is down. Owns nothing but the cursor; who cares about what subscribes here.
import { changes } from "./box";
import { BoxLost } from "./error";
import type { Change } from "./types";

export interface Interest {
  patients?: string[];
  topics?: string[];
}
type Handler = (change: Change) => void;
export type FeedState = "live" | "polling" | "off";

const POLL_MS = 5_000;
const LONGEST_PAUSE_MS = 30_000;

const wants = new Map<symbol, { interest: Interest; handler: Handler }>();
const watchers = new Set<(state: FeedState) => void>();
let socket: WebSocket | null = null;
let cursor = 0;
let running = false;
let failures = 0;
let retry: ReturnType<typeof setTimeout> | undefined;
let poll: ReturnType<typeof setInterval> | undefined;
let polling = false;

export function watchFeed(watcher: (state: FeedState) => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

function tell(state: FeedState): void {
  for (const watcher of watchers) watcher(state);
}

/** The feed starts after this Tx; a later call never moves it back. */
export function seen(tx: number): void {
  cursor = Math.max(cursor, tx);
}

export function follow(interest: Interest, handler: Handler): () => void {
  const key = Symbol("interest");
  wants.set(key, { interest, handler });
  subscribe();
  return () => {
    wants.delete(key);
    subscribe();
  };
}

export function startFeed(): void {
  if (running) return;
  running = true;
  connect();
}

export function stopFeed(): void {
  running = false;
  clearTimeout(retry);
  clearInterval(poll);
  poll = undefined;
  socket?.close();
  socket = null;
  tell("off");
}

function all(): { patients: string[]; topics: string[] } {
  const patients = new Set<string>();
  const topics = new Set<string>();
  for (const { interest } of wants.values()) {
    for (const p of interest.patients ?? []) patients.add(p);
    for (const topic of interest.topics ?? []) topics.add(topic);
  }
  return { patients: [...patients], topics: [...topics] };
}

function subscribe(): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ subscribe: all() }));
}

function connect(): void {
  if (!running) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const fresh = new WebSocket(`${scheme}://${location.host}/api/events?since=${cursor}`);
  socket = fresh;
  fresh.onopen = () => {
    failures = 0;
    clearInterval(poll);
    poll = undefined;
    tell("live");
    subscribe();
  };
  fresh.onmessage = (event) => {
    if (typeof event.data === "string") take(event.data);
  };
  fresh.onclose = () => {
    if (socket !== fresh) return;
    socket = null;
    if (!running) return;
    startPolling();
    failures += 1;
    retry = setTimeout(connect, Math.min(1_000 * 2 ** Math.min(failures, 5), LONGEST_PAUSE_MS));
  };
}

function take(data: string): void {
  let message: unknown;
  try {
    message = JSON.parse(data);
  } catch {
    return;
  }
  if (isChange(message)) deliver(message);
  else if (isReset(message)) reset(message.last);
}

/** The box says that too much has happened to list: every view loads itself again. */
function reset(last: number): void {
  seen(last);
  for (const { interest, handler } of wants.values()) handler({ tx: last, kind: "reset", id: "", patient: interest.patients?.[0] ?? null });
}

function isReset(message: unknown): message is { reset: true; last: number } {
  const m = message as { reset?: unknown; last?: unknown } | null;
  return typeof m === "object" && m !== null && m.reset === true && typeof m.last === "number";
}

function isChange(message: unknown): message is Change {
  const m = message as Partial<Change> | null;
  return typeof m === "object" && m !== null && typeof m.tx === "number" && typeof m.kind === "string";
}

function deliver(change: Change): void {
  seen(change.tx);
  for (const { interest, handler } of wants.values()) {
    const patient = change.patient ?? (change.kind === "Patient" ? change.id : null);
    if ((patient !== null && interest.patients?.includes(patient)) || interest.topics?.includes(change.kind.toLowerCase())) handler(change);
  }
}

function startPolling(): void {
  if (poll !== undefined) return;
  tell("polling");
  poll = setInterval(() => void pollOnce(), POLL_MS);
  // At once: a socket that closed because the session ended says so here, not after a pause.
  void pollOnce();
}

async function pollOnce(): Promise<void> {
  if (polling) return;
  polling = true;
  try {
    const answer = await changes(cursor);
    if (answer.reset) reset(answer.last);
    else for (const change of answer.changes) deliver(change);
    seen(answer.last);
  } catch (error) {
    if (!(error instanceof BoxLost)) console.debug("feed", error);
  } finally {
    polling = false;
  }
}
