// A channel in words: where its messages come from, what waits.
import type { Channel } from "../../../api/types";
import { t, tn } from "../../../text/index.svelte";

export function titleOf(line: Channel): string {
  return line.title || (line.builtIn ? t("channels.builtIn") : line.name);
}

/** Kind, address, and whether it is encrypted on the way. */
export function sourceOf(line: Channel): string {
  const parts = [t(`channels.kind.${line.kind}`)];
  if (line.address) parts.push(line.address);
  if (line.kind === "mllp") parts.push(t(line.tls ? "channels.tls" : "channels.plain"));
  if (line.destinations.length) parts.push(t("channels.to", { names: line.destinations.join(", ") }));
  return parts.join(", ");
}

/** What waits, each in a sentence; empty when nothing does. */
export function waitingOf(line: Channel): string[] {
  const { reading, held, sending, failed, more } = line.queue;
  const out: string[] = [];
  if (reading > 0) out.push(tn("channels.reading", reading));
  if (sending > 0) out.push(tn("channels.sending", sending));
  if (held > 0) out.push(tn("channels.held", held));
  if (failed > 0) out.push(tn("channels.failed", failed));
  if (more && out.length) out.push(t("channels.more"));
  return out;
}

/** Milliseconds as a person says them. */
export function lasting(ms: number): string {
  return ms < 1000 ? t("channels.ms", { n: ms }) : t("channels.seconds", { n: (ms / 1000).toFixed(1) });
}
