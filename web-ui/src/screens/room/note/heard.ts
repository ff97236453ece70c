// Words that were heard and may go into the note. Pure: which stand open, and what adding one does. Nothing is added by itself.
import type { Note, NoteSuggestion as Suggestion } from "../../../api/types";

/** The sections that hold running text. */
export const SECTIONS = ["complaint", "history", "examination", "assessment", "tests", "plan", "advice"] as const;
export type Section = (typeof SECTIONS)[number];

export function isSection(field: string): field is Section {
  return (SECTIONS as readonly string[]).includes(field);
}

export type Place = Section | "vitals" | "followUp" | "medicine";

/** Where a suggestion goes; null for one that a note has no place for. */
export function placeOf(one: Pick<Suggestion, "field">): Place | null {
  if (isSection(one.field)) return one.field;
  if (one.field === "medicine") return "medicine";
  if (one.field.startsWith("vital.")) return "vitals";
  if (one.field === "followUp") return "followUp";
  if (one.field === "duration" || one.field === "allergy") return "history";
  return null;
}

/** Those that are neither added nor waved away, the oldest first; what was said twice is offered once. */
export function openOnes(all: readonly Suggestion[], note: Pick<Note, "accepted">, dismissed: ReadonlySet<string>): Suggestion[] {
  const same = (one: Suggestion) => `${one.field} ${one.value.toLowerCase()}`;
  const done = new Set(all.filter((one) => note.accepted.includes(one.id) || dismissed.has(one.id)).map(same));
  const oldest = all.filter((one) => placeOf(one) !== null).sort((a, b) => a.start - b.start || a.id.localeCompare(b.id));
  return oldest.filter((one) => !done.has(same(one)) && done.add(same(one)));
}

/** The note with one taken over, marked as such; a medicine is only marked, its line stands in the prescription. `today` is
 * `yyyy-mm-dd`. */
export function withSuggestion(note: Note, one: Suggestion, today: string): Note {
  const place = placeOf(one);
  if (place === null || note.accepted.includes(one.id)) return note;
  const next = { ...note, accepted: [...note.accepted, one.id] };
  if (place === "vitals") {
    const kind = one.field.slice("vital.".length);
    next.vitals = [...note.vitals.filter((vital) => vital.kind !== kind), { kind, value: one.value, unit: one.unit ?? "" }];
  } else if (place === "followUp") {
    next.followUpOn = dayAfter(today, one.value) ?? note.followUpOn;
  } else if (place !== "medicine") {
    next[place] = note[place].trim() === "" ? one.value : `${note[place].trimEnd()}\n${one.value}`;
  }
  return next;
}

/** The day so many days, weeks or months after another; null for what is none of these. */
export function dayAfter(today: string, span: string): string | null {
  const [, count, unit] = /^(\d{1,3}) (day|week|month)s?$/.exec(span.trim()) ?? [];
  const [year, month, day] = today.split("-").map(Number);
  if (!count || year === undefined || month === undefined || day === undefined) return null;
  const n = Number(count);
  if (unit !== "month") return new Date(Date.UTC(year, month - 1, day + n * (unit === "week" ? 7 : 1))).toISOString().slice(0, 10);
  // The 31st of a month that has none is its last day.
  const last = new Date(Date.UTC(year, month + n, 0)).getUTCDate();
  return new Date(Date.UTC(year, month - 1 + n, Math.min(day, last))).toISOString().slice(0, 10);
}
