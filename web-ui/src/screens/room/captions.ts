// The captions of a call as lines on the screen. Pure: what comes in, which lines stand. A line that was read never moves:
// its place is where it began to be said, and only its words change until they are firm.
import type { Caption } from "../../room";

export interface Run {
  text: string;
  /** These words may still change. */
  tentative: boolean;
  /** Heard badly, and it matters: a number, a medicine, a "no". */
  doubt: boolean;
}

/** Lines that are kept on the screen. */
export const MOST_LINES = 200;

/** The lines after one more caption. A newer revision of the same words replaces the older one, never the other way round. */
export function withCaption(lines: readonly Caption[], next: Caption): Caption[] {
  const at = lines.findIndex((line) => line.speaker === next.speaker && line.id === next.id);
  if (at >= 0) {
    const known = lines[at] as Caption;
    const late = next.revision < known.revision || (next.revision === known.revision && next.state === "partial");
    return late ? [...lines] : lines.with(at, next);
  }
  const after = lines.findLastIndex((line) => line.startMs <= next.startMs);
  return [...lines.slice(0, after + 1), next, ...lines.slice(after + 1)].slice(-MOST_LINES);
}

/** A line's words in runs that look alike. The first `firm` words of a partial line stay as they are. */
export function runsOf(line: Caption): Run[] {
  const out: Run[] = [];
  line.words.forEach((word, i) => {
    const tentative = line.state === "partial" && i >= line.firm;
    const doubt = Boolean(word.doubt);
    const last = out.at(-1);
    if (last && last.tentative === tentative && last.doubt === doubt && !doubt) last.text += ` ${word.text}`;
    else out.push({ text: word.text, tentative, doubt });
  });
  return out;
}

/** Milliseconds from the beginning as `mm:ss`, from one hour on `h:mm:ss`. */
export function offset(ms: number): string {
  const all = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`;
}
