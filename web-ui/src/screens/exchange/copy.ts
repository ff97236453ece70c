// Puts a text on the clipboard and says so.
import { toast } from "../../state/toast.svelte";
import { t } from "../../text/index.svelte";

export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("copied"));
  } catch {
    // No clipboard here: the text can be selected by hand.
  }
}
