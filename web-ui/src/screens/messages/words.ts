// Words for inbox rows: the box sends keys and numbers, the catalogue has the sentences.
import type { InboxRow, Meaning } from "../../api/types";
import { told } from "../../text/index.svelte";

export function inboxTitle(row: Pick<InboxRow, "title">): string {
  const params = row.title.params ?? undefined;
  const key = `inbox.title.${row.title.key}`;
  const form = params?.n === 1 ? "one" : "other";
  return told(params ? `${key}.${form}` : key, told(key, told("inbox.title.other", row.title.key), params), params);
}

export function meaningLabel(meaning: Meaning): string {
  return meaning.label.text ?? told(`inbox.label.${meaning.label.key}`, meaning.label.key);
}
