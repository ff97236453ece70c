// Looks at something again and again while the page is on screen: for work of the box that nobody announces. The next
// look is planned when the last one has ended, so that a slow box is asked less, never more.

export interface Steady {
  /** Looks at once. */
  now(): Promise<void>;
  /** The screen is gone. */
  stop(): void;
}

/** Runs `look` now and then every so many milliseconds as it answers; not while the page is hidden, at once when it is back. */
export function steadily(look: () => Promise<number>): Steady {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: Promise<void> | null = null;
  let again = false;
  let stopped = false;

  async function run(): Promise<void> {
    clearTimeout(timer);
    let pause = 0;
    do {
      again = false;
      pause = await look();
    } while (again && !stopped);
    if (!stopped && !document.hidden) timer = setTimeout(() => void now(), pause);
  }

  /** Who asks while a look is under way gets the answer of one that began later. */
  function now(): Promise<void> {
    if (running) again = true;
    running ??= run().finally(() => (running = null));
    return running;
  }

  const seen = () => (document.hidden ? clearTimeout(timer) : void now());
  document.addEventListener("visibilitychange", seen);
  void now();
  return {
    now,
    stop() {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    },
  };
}
