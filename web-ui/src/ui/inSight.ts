// The current tab of a row that is longer than the screen.

/** Brings an element into sight within the row that scrolls it, also after a turn of the tablet. */
export function inSight(link: HTMLElement): () => void {
  const row = new ResizeObserver(() => link.scrollIntoView({ block: "nearest", inline: "center" }));
  row.observe(link.parentElement ?? link);
  return () => row.disconnect();
}
