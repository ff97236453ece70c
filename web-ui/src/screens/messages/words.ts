// Words for inbox rows: the box sends keys and numbers, the catalogue has the sentences.
import type { InboxRow } from "../../api/types";
import { told } from "../../text/index.svelte";

export function inboxTitle(row: Pick<InboxRow, "title">): string {
  const params = row.title.params ?? undefined;
  const n = params?.["n"] ?? params?.["count"] ?? params?.["values"];
  const form = n !== undefined && Number(n) === 1 ? "one" : "other";
  const with_n = n === undefined ? params : { ...params, n };
  return told(`inbox.title.${row.title.key}.${form}`, told(`inbox.title.${row.title.key}`, told("inbox.title.other", row.title.key), with_n), with_n);
}
