// Who is large and who is small on the stage, and what the meter says. Pure.
import type { Person } from "../../room";

export interface Grade {
  grade: "good" | "fair" | "bad";
  /** Kilobits a second of what this person is sent. */
  kbit: number;
}

/** The others in the call, whom it is about first: the patient for the clinic, the doctor for the patient; a screen before all. */
export function order(people: readonly Person[], you: string): Person[] {
  const patientHere = people.find((one) => one.id === you)?.part === "patient";
  const weight = (one: Person) => (one.screen ? 0 : one.part === (patientHere ? "doctor" : "patient") ? 1 : one.part === "doctor" ? 2 : 3);
  return people.filter((one) => one.id !== you && one.peer !== null).sort((a, b) => weight(a) - weight(b) || a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
}

/** Columns of a grid of so many tiles: one to three, never more rows than columns plus one. */
export function columns(n: number): number {
  return n <= 1 ? 1 : n <= 4 ? 2 : 3;
}

/** Two letters for a tile without a picture. */
export function initials(name: string): string {
  const words = name.replace(/^(dr|mr|mrs|ms|smt|shri|डॉ)\.?\s+/i, "").split(/\s+/).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => (word ? [...new Intl.Segmenter().segment(word)][0]?.segment : "") ?? "");
  return letters.join("").toLocaleUpperCase();
}
