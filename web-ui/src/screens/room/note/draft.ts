// A draft that saves itself: what was typed, what the box has, and what to do when the two part. Pure; who calls keeps time.

/** What is typed here, the version it is built on, and how the last save went. */
export interface Draft<T> {
  text: T;
  /** What the box has, as far as is known here. */
  stored: T;
  version: number;
  /** Somebody else's words that were stored meanwhile; nothing is saved until a person has compared them. */
  theirs: { text: T; version: number; why: "stale" | "leased" } | null;
}

export function fresh<T>(stored: T, version: number): Draft<T> {
  return { text: structuredClone(stored), stored, version, theirs: null };
}

/** Whether something typed here is not stored yet. */
export function isDirty<T>(draft: Draft<T>): boolean {
  return JSON.stringify(draft.text) !== JSON.stringify(draft.stored);
}

/** After the box took `sent`: what was typed since then stays typed. */
export function saved<T>(draft: Draft<T>, sent: T, version: number): Draft<T> {
  return { ...draft, stored: structuredClone(sent), version, theirs: null };
}

/** The box has another text: ours stays on the screen, theirs is shown beside it. */
export function parted<T>(draft: Draft<T>, text: T, version: number, why: "stale" | "leased"): Draft<T> {
  return { ...draft, theirs: { text, version, why } };
}

/** A person decided: ours is written over theirs, which stays in the history, or theirs is taken. */
export function settled<T>(draft: Draft<T>, keep: "ours" | "theirs"): Draft<T> {
  const { theirs } = draft;
  if (!theirs) return draft;
  return { text: keep === "ours" ? draft.text : structuredClone(theirs.text), stored: theirs.text, version: theirs.version, theirs: null };
}

/** What the box tells unasked: taken over where nothing is typed, else only its version counts when the text is the same. */
export function told<T>(draft: Draft<T>, text: T, version: number): Draft<T> {
  if (version <= draft.version) return draft;
  if (!isDirty(draft)) return fresh(text, version);
  return JSON.stringify(text) === JSON.stringify(draft.text) ? fresh(text, version) : parted(draft, text, version, "stale");
}
