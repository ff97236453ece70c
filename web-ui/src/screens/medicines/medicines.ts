// The clinic's own medicines as its owner writes them. Pure: text in, what the box keeps out.
import type { OwnListsChange, OwnMedicine, OwnMedicinesChange } from "../../api/types";

export type OwnList = NonNullable<OwnMedicinesChange["own"]>;
export type Pack = NonNullable<OwnListsChange["own"]>;

/** A medicine in a form: lists as text with commas. */
export interface Typed {
  name: string;
  short: string;
  what: string;
  forms: string;
  unit: string;
  substances: string;
  allergy: string;
  common: boolean;
}

export const EMPTY: Typed = { name: "", short: "", what: "", forms: "tab", unit: "mg", substances: "", allergy: "", common: true };

/** Words between commas, in lower case, each once. */
export function words(text: string): string[] {
  return [...new Set(text.split(",").map((word) => word.trim().toLowerCase().replace(/\s+/g, " ")).filter(Boolean))];
}

export function typedOf(one: OwnMedicine): Typed {
  const text = (list: readonly string[] | undefined) => (list ?? []).join(", ");
  return { name: one.name, short: text(one.abbreviations), what: one.class, forms: text(one.forms), unit: one.unit, substances: text(one.ingredients), allergy: text(one.allergy), common: one.common ?? false };
}

export function medicineOf(typed: Typed, before: OwnMedicine | null): OwnMedicine {
  return { name: words(typed.name)[0] ?? "", abbreviations: words(typed.short), class: typed.what.trim(), forms: words(typed.forms), unit: typed.unit, ingredients: words(typed.substances), allergy: words(typed.allergy), common: typed.common, dosed: before?.dosed ?? false };
}

/** What is missing, if anything. */
export function missing(typed: Typed): "name" | "what" | "forms" | null {
  if (words(typed.name).length !== 1) return "name";
  if (typed.what.trim() === "") return "what";
  return words(typed.forms).length === 0 ? "forms" : null;
}

/** The list with one medicine new, changed or gone. */
export function changed(own: OwnList | null | undefined, before: OwnMedicine | null, after: OwnMedicine | null): OwnList {
  const rest = (own?.medicines ?? []).filter((one) => one.name !== before?.name);
  return { classes: own?.classes ?? [], medicines: after ? [after, ...rest] : rest };
}

/** What a file holds, or null when it is none of ours. The box looks at what is in it. */
export function readList(text: string): OwnList | null {
  const read = parsed(text);
  return Array.isArray(read?.["medicines"]) ? { medicines: read["medicines"] as OwnMedicine[], classes: Array.isArray(read["classes"]) ? (read["classes"] as OwnList["classes"]) : [] } : null;
}

export function readPack(text: string): Pack | null {
  const read = parsed(text);
  if (typeof read?.["version"] !== "string" || !Array.isArray(read["citations"]) || !Array.isArray(read["entries"])) return null;
  return read as unknown as Pack;
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === "object" && read !== null && !Array.isArray(read) ? (read as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
