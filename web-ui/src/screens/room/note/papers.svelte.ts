// Note and prescription of one consultation as its screen has them: two drafts that keep themselves, what was heard, and signing,
// which takes both or neither.
import * as box from "../../../api/box";
import type { Note, NoteView, Prescription, PrescriptionView } from "../../../api/types";
import { DEVICE, Keeper } from "./keeper.svelte";
import { Listener } from "./listener.svelte";

export type Part = "note" | "prescription";
export type Proof = { pin: string } | { password: string };

export class Papers {
  readonly note: Keeper<Note, NoteView>;
  readonly prescription: Keeper<Prescription, PrescriptionView>;
  readonly listener: Listener;
  /** Drafts that are to be signed or discarded. */
  parts = $derived.by((): Part[] => [...(this.note.view?.state === "DRAFT" ? ["note" as const] : []), ...(this.prescription.view?.state === "DRAFT" ? ["prescription" as const] : [])]);
  /** Why the prescription cannot be signed as it stands. */
  hindrance = $derived.by((): string | null => (this.prescription.view?.state === "DRAFT" ? (this.prescription.view.hindrance ?? null) : null));
  signed = $derived.by(() => [...(this.note.view?.signed ?? []), ...(this.prescription.view?.signed ?? [])]);

  constructor(private readonly id: string) {
    this.note = new Keeper({
      read: () => box.readNote(id),
      write: (version, device, takeOver, note) => box.saveNote(id, { version, device, takeOver, note }),
      of: (view) => ({ version: view.version, text: view.note }),
    });
    this.prescription = new Keeper({
      read: () => box.readPrescription(id),
      write: (version, device, takeOver, prescription) => box.savePrescription(id, { version, device, takeOver, prescription }),
      of: (view) => ({ version: view.version, text: view.prescription }),
    });
    this.listener = new Listener(async () => {
      // The answer carries the stored note: what is typed is stored first.
      if (await this.note.save()) this.note.take(await box.extractNote(id));
    });
  }

  /** Appends a line that was said; false while the prescription cannot be written. */
  prescribe(line: string): boolean {
    const { draft } = this.prescription;
    if (!draft) return false;
    draft.text = { ...$state.snapshot(draft.text), lines: [...draft.text.lines, line] };
    void this.prescription.save();
    return true;
  }

  /** Signs every draft; throws what the box says against it. */
  async sign(proof: Proof): Promise<void> {
    if (!(await this.kept())) return;
    const version = (part: Part) => (this.parts.includes(part) ? { [part]: this[part].view?.version } : {});
    try {
      await box.signConsultation(this.id, { ...version("note"), ...version("prescription"), ...proof });
    } finally {
      await this.load();
    }
  }

  /** Discards every draft; the words stay in the history. */
  async discard(reason: string): Promise<void> {
    if (!(await this.kept())) return;
    try {
      const [note, prescription] = [this.note.view, this.prescription.view];
      if (note?.state === "DRAFT") await box.discardNote(this.id, note.version, reason);
      if (prescription?.state === "DRAFT") await box.discardPrescription(this.id, prescription.version, reason);
    } finally {
      await this.load();
    }
  }

  /** Takes the signed prescription up again as a draft that will replace it. */
  async replace(reason: string): Promise<void> {
    const { view } = this.prescription;
    if (!view) return;
    this.prescription.take(await box.savePrescription(this.id, { version: view.version, device: DEVICE, takeOver: false, supersede: reason, prescription: view.prescription }));
  }

  /** Takes the signed prescription back; throws what the box says against it. */
  async takeBack(reason: string, proof: Proof): Promise<void> {
    const { view } = this.prescription;
    if (!view) return;
    try {
      await box.cancelPrescription(this.id, { version: view.version, reason, ...proof });
    } finally {
      await this.prescription.load();
    }
  }

  async load(): Promise<void> {
    await Promise.all([this.note.load(), this.prescription.load()]);
  }

  stop(): void {
    this.note.stop();
    this.prescription.stop();
    this.listener.stop();
  }

  private async kept(): Promise<boolean> {
    return (await this.note.save()) && (await this.prescription.save());
  }
}
