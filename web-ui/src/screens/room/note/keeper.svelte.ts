// Keeps one draft between the screen and the box: saves on each pause in typing, renews the lease while somebody writes, and
// stops for a person where the box has another text. Used for the note and for the prescription alike.
import { BoxLost, Refused } from "../../../api/error";
import { fresh, isDirty, parted, saved, settled, told, type Draft } from "./draft";

/** What the box answers about a draft, of whatever kind. */
export interface Kept<T> {
  version: number;
  text: T;
}
export interface Door<T, V> {
  read: () => Promise<V>;
  write: (version: number, device: string, takeOver: boolean, text: T) => Promise<V>;
  of: (view: V) => Kept<T>;
}

/** A pause in typing after which a draft is saved. */
const PAUSE_MS = 500;
const AGAIN_MS = 5_000;

/** Names this tab, so that the box knows who holds the draft. */
export const DEVICE = `tab-${crypto.randomUUID().slice(0, 18)}`;

export class Keeper<T, V> {
  view = $state.raw<V | null>(null);
  draft = $state<Draft<T> | null>(null);
  saving = $state(false);
  savedAt = $state<Date | null>(null);
  /** Why the last save did not work; the text stays here. */
  error = $state.raw<unknown>(null);
  dirty = $derived(this.draft !== null && isDirty(this.draft));

  private timer: ReturnType<typeof setTimeout> | undefined;
  private over = false;

  constructor(private door: Door<T, V>) {}

  async load(): Promise<void> {
    try {
      this.take(await this.door.read());
      if (!this.dirty) this.error = null;
    } catch (problem) {
      if (!(problem instanceof BoxLost && this.draft)) this.error = problem;
    }
  }

  /** The box's own view, after a write or of itself. */
  take(view: V): void {
    const { version, text } = this.door.of(view);
    this.view = view;
    this.draft = this.draft ? told(this.draft, text, version) : fresh(text, version);
  }

  /** Something was typed. */
  touched(): void {
    clearTimeout(this.timer);
    if (!this.over && !this.draft?.theirs) this.timer = setTimeout(() => void this.save(), PAUSE_MS);
  }

  /** Saves what is typed; true when nothing is left to save. */
  async save(takeOver = false): Promise<boolean> {
    clearTimeout(this.timer);
    if (!this.draft || this.saving) return false;
    if (!isDirty(this.draft)) return true;
    if (this.draft.theirs) return false;
    const sent = $state.snapshot(this.draft.text) as T;
    this.saving = true;
    let worked = false;
    try {
      const view = await this.door.write(this.draft.version, DEVICE, takeOver, sent);
      this.view = view;
      this.draft = saved(this.draft, sent, this.door.of(view).version);
      this.savedAt = new Date();
      this.error = null;
      worked = true;
    } catch (problem) {
      this.refused(problem);
    } finally {
      this.saving = false;
    }
    if (worked && isDirty(this.draft)) this.touched();
    return worked && !isDirty(this.draft);
  }

  private refused(problem: unknown): void {
    const why = problem instanceof Refused && problem.status === 409 ? problem.code : null;
    const current = problem instanceof Refused ? (problem.body as { current?: V } | null)?.current : undefined;
    if ((why === "stale" || why === "leased") && current !== undefined && this.draft) {
      const { version, text } = this.door.of(current);
      this.view = current;
      this.draft = parted(this.draft, text, version, why);
      this.error = null;
      return;
    }
    this.error = problem;
    if (problem instanceof BoxLost && !this.over) this.timer = setTimeout(() => void this.save(), AGAIN_MS);
  }

  /** A person compared both texts and decided. */
  async settle(keep: "ours" | "theirs"): Promise<void> {
    if (!this.draft) return;
    this.draft = settled($state.snapshot(this.draft) as Draft<T>, keep);
    await this.save(keep === "ours");
  }

  /** The screen goes: what is typed is sent off at once. */
  stop(): void {
    this.over = true;
    void this.save();
  }
}
