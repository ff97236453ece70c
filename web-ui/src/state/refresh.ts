// When a screen that follows the feed asks again: once for a burst, and in a steady stream neither never nor all the time.

/** Quiet that ends a burst. */
export const QUIET_MS = 300;
/** Least time from one answer to the next question, and the longest that a stream of changes can put a question off. */
export const SPACING_MS = 3_000;

export interface Refresh {
  /** Something has changed. */
  soon(): void;
  /** The screen is gone. */
  stop(): void;
}

/** Runs `load` soon after a change; never twice at once. */
export function refresher(load: () => Promise<void>): Refresh {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let first: number | null = null;
  let ended = Number.NEGATIVE_INFINITY;
  let running = false;
  let stopped = false;

  function plan(): void {
    if (stopped || running || first === null) return;
    const now = Date.now();
    const due = Math.max(ended + SPACING_MS, Math.min(now + QUIET_MS, first + SPACING_MS));
    clearTimeout(timer);
    timer = setTimeout(() => void run(), Math.max(0, due - now));
  }

  async function run(): Promise<void> {
    first = null;
    running = true;
    try {
      await load();
    } finally {
      running = false;
      ended = Date.now();
      plan();
    }
  }

  return {
    soon() {
      first ??= Date.now();
      plan();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
