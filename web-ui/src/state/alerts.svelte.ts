// What about channels is worth a look, for whoever may see it: asked for when a page opens, when the live feed says that it
// has changed, and now and then besides.
import * as box from "../api/box";
import { follow } from "../api/events";
import type { AlertList } from "../api/types";
import { may } from "./app.svelte";
import { steadily } from "./steady";

/** How often it is asked without news. */
const PAUSE_MS = 60_000;
const now = $state<{ list: AlertList | null }>({ list: null });

/** What lasts now; null until the box has said so, or for somebody who may not see it. */
export const alerts = (): AlertList | null => now.list;

async function ask(): Promise<void> {
  now.list = await box.alerts();
}

/** Asks at once: the page has changed something. */
export const lookAtAlerts = ask;

/** Keeps the list while the page is open. Returns what ends it. */
export function watchAlerts(): () => void {
  if (!may("settings")) return () => {};
  const steady = steadily(async () => {
    try {
      await ask();
    } catch {
      // What is known stands until the box answers again; that it does not is said by the status strip.
    }
    return PAUSE_MS;
  });
  const ends = follow({ topics: ["alerts"] }, (change) => {
    if (change.kind === "alerts") void steady.now();
  });
  return () => {
    ends();
    steady.stop();
    now.list = null;
  };
}
