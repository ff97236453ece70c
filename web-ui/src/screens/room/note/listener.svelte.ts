// Looks through what was said whenever more of it is there: a while after a caption has become firm, and never often. What is
// found waits beside the note; nothing of it enters by itself.

/** Rest after a caption before it is looked through, and the least time between two looks. */
const REST_MS = 2_000;
const LEAST_MS = 15_000;

export class Listener {
  /** Ids of suggestions that were waved away on this screen. */
  dismissed = $state.raw<ReadonlySet<string>>(new Set());

  private timer: ReturnType<typeof setTimeout> | undefined;
  private last = 0;

  /** `look` asks the box and shows its answer. */
  constructor(private readonly look: () => Promise<void>) {}

  /** Something was said. */
  heard(): void {
    if (this.timer !== undefined) return;
    const rest = Math.max(REST_MS, this.last + LEAST_MS - Date.now());
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.last = Date.now();
      // Nobody asked for it, so it fails in silence: nothing was written along yet, or the next caption tries again.
      this.look().catch((error: unknown) => console.debug("note", error));
    }, rest);
  }

  dismiss(id: string): void {
    this.dismissed = new Set(this.dismissed).add(id);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
