// The state of the page as a whole: which phase the box and the person are in, the session, the preferences, the
// clock and the reachability that the strip shows. Screens read it; only the functions here change it.
import * as box from "../api/box";
import { listen } from "../api/client";
import { BoxLost, Refused } from "../api/error";
import { startFeed, stopFeed, watchFeed, type FeedState } from "../api/events";
import type { Session, Status } from "../api/types";
import { useZone } from "../format/dates";
import { isLang, lang, useLang, type Lang } from "../text/index.svelte";

export type Phase = "loading" | "lost" | "setup" | "recovery" | "sealed" | "rescue" | "signIn" | "in";
export type Theme = "system" | "light" | "dark";
export type Density = "auto" | "compact" | "comfortable";

export const app = $state<{
  phase: Phase;
  status: Status | null;
  session: Session | null;
  /** The session ended under an open page: ask again above it, keep what was typed. */
  expired: boolean;
  reachable: boolean;
  lostSince: Date | null;
  feed: FeedState;
  now: Date;
  /** Writes on their way to the box. */
  writing: number;
}>({ phase: "loading", status: null, session: null, expired: false, reachable: true, lostSince: null, feed: "off", now: new Date(), writing: 0 });

export const prefs = $state<{ theme: Theme; density: Density; letters: boolean }>({ theme: "system", density: "auto", letters: true });

const KEPT = "cv.look";

function applyLook(): void {
  const root = document.documentElement;
  if (prefs.theme === "system") root.removeAttribute("data-theme");
  else root.dataset["theme"] = prefs.theme;
  if (prefs.density === "auto") root.removeAttribute("data-density");
  else root.dataset["density"] = prefs.density;
  // Only how the page looks is kept in the browser, so that the next load does not flash; no person, no record.
  localStorage.setItem(KEPT, JSON.stringify({ ...prefs, lang: lang() }));
}

export function isTheme(text: unknown): text is Theme {
  return text === "system" || text === "light" || text === "dark";
}
export function isDensity(text: unknown): text is Density {
  return text === "auto" || text === "compact" || text === "comfortable";
}

export async function setLook(change: Partial<{ theme: Theme; density: Density; letters: boolean; language: Lang }>): Promise<void> {
  if (change.theme) prefs.theme = change.theme;
  if (change.density) prefs.density = change.density;
  if (change.letters !== undefined) prefs.letters = change.letters;
  if (change.language) await useLang(change.language);
  applyLook();
}

/** What the browser kept from last time, before anything is asked of the box. */
export async function restoreLook(): Promise<void> {
  let kept: { theme?: unknown; density?: unknown; letters?: unknown; lang?: string } = {};
  try {
    kept = JSON.parse(localStorage.getItem(KEPT) ?? "{}") as typeof kept;
  } catch {
    kept = {};
  }
  if (isTheme(kept.theme)) prefs.theme = kept.theme;
  if (isDensity(kept.density)) prefs.density = kept.density;
  if (typeof kept.letters === "boolean") prefs.letters = kept.letters;
  const wish = isLang(kept.lang) ? kept.lang : navigator.languages.some((l) => l.startsWith("hi")) && navigator.language.startsWith("hi") ? "hi" : "en";
  await useLang(wish);
  applyLook();
}

async function askStatus(): Promise<Status> {
  const status = await box.status();
  useZone(status.timeZone);
  app.status = status;
  return status;
}

/** Asks the box where things stand and moves to the phase that follows from it. */
export async function begin(): Promise<void> {
  let status: Status;
  try {
    status = await askStatus();
  } catch {
    app.phase = "lost";
    return;
  }
  switch (status.state) {
    case "setup":
      app.phase = "setup";
      return;
    case "sealed":
      app.phase = "sealed";
      return;
    case "rescue":
      app.phase = "rescue";
      return;
    case "recovery":
    case "ready":
      await resume();
  }
}

async function resume(): Promise<void> {
  try {
    await signedIn(await box.session());
  } catch (error) {
    app.phase = error instanceof BoxLost ? "lost" : "signIn";
  }
}

/** A session is there: take over its preferences and open the page. */
export async function signedIn(session: Session): Promise<void> {
  const someoneElse = app.session !== null && app.session.user.id !== session.user.id;
  const { language, theme, density } = session.user;
  await setLook({
    language: isLang(language) ? language : undefined,
    theme: isTheme(theme) ? theme : undefined,
    density: isDensity(density) ? density : undefined,
  });
  if (someoneElse) {
    // Nothing of the person before stays on the page.
    location.replace("/");
    return;
  }
  app.session = session;
  app.expired = false;
  app.phase = app.status?.state === "recovery" ? "recovery" : "in";
  if (app.phase === "in") startFeed();
}

export async function signOut(): Promise<void> {
  try {
    await box.logout();
  } catch (error) {
    if (!(error instanceof Refused && error.status === 401)) throw error;
  }
  stopFeed();
  location.replace("/");
}

/** Runs a write and counts it for the strip while it is on its way. */
export async function writing<T>(work: Promise<T>): Promise<T> {
  app.writing += 1;
  try {
    return await work;
  } finally {
    app.writing -= 1;
  }
}

const STRENGTH = ["-", "O", "S", "R", "W", "F"];

/** Whether this session may do something in an area of the permission matrix. */
export function may(area: string, need: "R" | "W" | "F" = "R"): boolean {
  const has = app.session?.can[area] ?? "-";
  return STRENGTH.indexOf(has.charAt(0)) >= (need === "R" ? 2 : STRENGTH.indexOf(need));
}

export async function recheck(): Promise<void> {
  try {
    await askStatus();
  } catch {
    // client.ts has told everybody that the box is lost.
  }
}

/** Seconds between two looks at the box while it cannot be reached, and in quiet times. */
const RECHECK_LOST_MS = 4_000;
const RECHECK_MS = 60_000;

export function startClock(): void {
  setInterval(() => (app.now = new Date()), 10_000);
  let last = Date.now();
  setInterval(() => {
    const due = app.reachable ? RECHECK_MS : RECHECK_LOST_MS;
    if (document.visibilityState === "visible" && Date.now() - last >= due) {
      last = Date.now();
      void recheck();
    }
  }, 2_000);
  addEventListener("offline", () => void recheck());
  addEventListener("online", () => void recheck());
  watchFeed((state) => (app.feed = state));
  listen((event) => {
    if (event === "reached") {
      app.reachable = true;
      app.lostSince = null;
    } else if (event === "lost") {
      if (app.reachable) app.lostSince = new Date();
      app.reachable = false;
    } else if (event === "signedOut") {
      if (app.phase === "in") {
        app.expired = true;
        stopFeed();
      }
    } else if (event === "sealed" || event === "rescue") {
      stopFeed();
      void begin();
    }
  });
}
