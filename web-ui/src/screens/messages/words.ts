// Words for inbox rows: the box sends keys and numbers, the catalogue has the sentences.
import type { InboxRow, Meaning } from "../../api/types";
import { told } from "../../text/index.svelte";

export function inboxTitle(row: Pick<InboxRow, "title">): string {
  const params = row.title.params ?? undefined;
  const n = params?.["n"] ?? params?.["count"] ?? params?.["values"];
  const form = n !== undefined && Number(n) === 1 ? "one" : "other";
  const known = n === undefined ? params : { ...params, n };
  const key = `inbox.title.${row.title.key}`;
  return told(n === undefined ? key : `${key}.${form}`, told(key, told("inbox.title.other", row.title.key), known), known);
}

export function meaningLabel(meaning: Meaning): string {
  return meaning.label.text ?? told(`inbox.label.${meaning.label.key}`, meaning.label.key);
}
