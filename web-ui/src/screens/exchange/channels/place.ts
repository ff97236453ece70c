// Where a place of a document (`source.tls.peers[0].fingerprint`) stands in its text, so that a message can point at the
// line. Pure; reads any JSON text, and answers the nearest place above when the one asked for is not written.

/** The line, from 1, on which the value at a place begins; 1 for one that is nowhere. */
export function lineOf(text: string, place: string): number {
  const wanted = place.split(/[.[\]]+/).filter(Boolean);
  let best = { depth: 0, at: 0 };
  let i = 0;

  const blank = () => {
    while (i < text.length && /\s/.test(text.charAt(i))) i += 1;
  };
  function string(): string {
    const from = ++i;
    while (i < text.length && text.charAt(i) !== '"') i += text.charAt(i) === "\\" ? 2 : 1;
    return text.slice(from, i++);
  }
  /** `met` is how many steps of the wanted way lead here; -1 once another way was taken. */
  function value(met: number): void {
    blank();
    const open = text.charAt(i);
    if (open === "{" || open === "[") {
      i += 1;
      for (let n = 0; ; n += 1) {
        blank();
        if (i >= text.length || text.charAt(i) === "}" || text.charAt(i) === "]") break;
        const begin = i;
        let name = String(n);
        if (open === "{") {
          if (text.charAt(i) !== '"') return void (i = text.length);
          name = string();
          blank();
          i += 1;
        }
        const next = met >= 0 && wanted[met] === name ? met + 1 : -1;
        if (next > best.depth) best = { depth: next, at: begin };
        value(next);
        blank();
        if (text.charAt(i) === ",") i += 1;
        else if (text.charAt(i) !== "}" && text.charAt(i) !== "]") return void (i = text.length);
      }
      i += 1;
    } else if (open === '"') string();
    else while (i < text.length && !/[\s,}\]]/.test(text.charAt(i))) i += 1;
  }

  value(0);
  return text.slice(0, best.at).split("\n").length;
}
