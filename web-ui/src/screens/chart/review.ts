// Marking a result as looked at, with the way back for as long as the toast stands.
import * as box from "../../api/box";
import { writing } from "../../state/app.svelte";
import { toast } from "../../state/toast.svelte";
import { t } from "../../text/index.svelte";

/** Stores the mark on the version that was on the screen; throws what the box said against it. */
export async function markReviewed(patient: string, result: { id: string; version: number }, test: string, changed: (problem?: unknown) => void): Promise<void> {
  await writing(box.review(patient, result.id, result.version));
  changed();
  toast(t("review.saved", { test }), () => void takeBack(patient, result, test, changed));
}

async function takeBack(patient: string, result: { id: string; version: number }, test: string, changed: (problem?: unknown) => void): Promise<void> {
  try {
    await writing(box.unreview(patient, result.id, result.version));
    toast(t("review.undone", { test }));
    changed();
  } catch (problem) {
    changed(problem);
  }
}
