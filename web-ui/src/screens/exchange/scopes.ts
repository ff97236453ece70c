// Scopes of SMART App Launch 2 as choices: which verbs on which records of whom, read from their text and written back.
// What the choices cannot show (other types, other restrictions) stays in the text as it was. Pure.

/** Whose records: of one patient, as far as the person may see, or of everybody for a program of its own. */
export const WHOSE = ["patient", "user", "system"] as const;
export type Whose = (typeof WHOSE)[number];

/** Verbs of the choices, in the order of their columns. */
export const VERBS = ["r", "a", "c", "d"] as const;
export type Verb = (typeof VERBS)[number];

const LETTERS: Record<Verb, string> = { r: "rs", a: "c", c: "u", d: "d" };

/** Records to choose from, as in the catalogue: a type, with a category where that is what people ask for. */
export const KINDS = [
  "all", "Patient", "Observation.laboratory", "Observation.vital-signs", "Observation", "Condition", "AllergyIntolerance",
  "MedicationRequest", "Immunization", "Encounter", "DiagnosticReport", "DocumentReference", "Procedure", "Appointment",
  "ServiceRequest", "CarePlan", "Practitioner", "Organization",
] as const;
export type Kind = (typeof KINDS)[number];

/** Words that are no scope on records. */
export const WORDS = ["openid", "launch/patient", "online_access", "offline_access"] as const;
export type Word = (typeof WORDS)[number];

export interface Scope {
  text: string;
  whose: Whose;
  /** FHIR type, or null for all. */
  type: string | null;
  /** Letters of `cruds`, in that order. */
  letters: string;
  restriction: [string, string][];
}

/** Letters of version 1 of the standard. */
const OLD: Record<string, string> = { read: "rs", write: "cud", "*": "cruds" };

/** One scope on records; null for words and for what is none. */
export function scope(text: string): Scope | null {
  const found = /^(patient|user|system)\/(\*|[A-Z][A-Za-z]*)\.([a-z*]+)(?:\?(.+))?$/.exec(text);
  if (!found) return null;
  const [, whose = "", type = "", verbs = "", query = ""] = found;
  const letters = OLD[verbs] ?? verbs;
  if (!/^c?r?u?d?s?$/.test(letters) || letters === "") return null;
  return { text, whose: whose as Whose, type: type === "*" ? null : type, letters, restriction: query === "" ? [] : [...new URLSearchParams(query)] };
}

/** The parts of a scope text, each once. */
export function parts(text: string): string[] {
  return [...new Set(text.split(/\s+/).filter(Boolean))];
}

/** The verbs that a scope allows, as the key of its sentence: `rac`. */
export function verbs(one: Scope): string {
  return VERBS.filter((verb) => [...LETTERS[verb]].some((letter) => one.letters.includes(letter))).join("");
}

/** Which of the choices a scope is, with or without its category; null when it is none of them. */
export function kindOf(one: Scope): Kind | null {
  const categories = one.restriction.filter(([name]) => name === "category").map(([, value]) => value.split("|").at(-1));
  const name = one.type === null ? "all" : one.restriction.length === 0 ? one.type : `${one.type}.${categories[0]}`;
  const plain = one.restriction.length === 0 || (one.restriction.length === 1 && categories.length === 1);
  return plain ? (KINDS.find((kind) => kind === name) ?? null) : null;
}

function written(whose: Whose, kind: Kind, letters: string): string {
  const [type = "", category] = kind.split(".");
  return `${whose}/${kind === "all" ? "*" : type}.${letters}${category === undefined ? "" : `?category=${category}`}`;
}

const inOrder = (letters: string) => [..."cruds"].filter((letter) => letters.includes(letter)).join("");

function chosen(text: string, whose: Whose, kind: Kind): { at: number[]; letters: string } {
  const all = parts(text).map(scope);
  const at = all.flatMap((one, index) => (one && one.whose === whose && kindOf(one) === kind ? [index] : []));
  return { at, letters: at.map((index) => all[index]?.letters ?? "").join("") };
}

/** Whether a choice is made. */
export function has(text: string, whose: Whose, kind: Kind, verb: Verb): boolean {
  const { letters } = chosen(text, whose, kind);
  return [...LETTERS[verb]].some((letter) => letters.includes(letter));
}

/** The text with a choice made or taken back. */
export function turned(text: string, whose: Whose, kind: Kind, verb: Verb, on: boolean): string {
  const { at, letters } = chosen(text, whose, kind);
  const rest = [...letters].filter((letter) => !LETTERS[verb].includes(letter)).join("");
  const next = inOrder(rest + (on ? LETTERS[verb] : ""));
  const all = parts(text);
  const kept = all.filter((_, index) => !at.includes(index));
  if (next !== "") kept.splice(at[0] ?? kept.length, 0, written(whose, kind, next));
  return kept.join(" ");
}

/** The text with a word in it, or without. */
export function worded(text: string, word: Word, on: boolean): string {
  const rest = parts(text).filter((one) => one !== word);
  return (on ? [word, ...rest] : rest).join(" ");
}

/** The scopes on records that the choices do not show for these people, as they are written. */
export function others(text: string, whose: Whose): string[] {
  return parts(text).filter((one) => {
    if ((WORDS as readonly string[]).includes(one)) return false;
    const read = scope(one);
    return !read || read.whose !== whose || kindOf(read) === null;
  });
}

/** The same choices for other people. */
export function moved(text: string, from: Whose, to: Whose): string {
  return [...new Set(parts(text).map((one) => (scope(one)?.whose === from ? to + one.slice(from.length) : one)))].join(" ");
}

/** Whose records most of a text is about. */
export function mostly(text: string, otherwise: Whose): Whose {
  return parts(text).map(scope).find((one) => one !== null)?.whose ?? otherwise;
}
