// The clinic's own codes and places for Z-segments as lines and as forms: what a form makes, what is wrong with it, which
// entry a place of the document belongs to. Pure. The box checks the whole document once more and has the last word.
import type { Maps, SentCode, ZField } from "../../../api/types";
import type { Key } from "../../../text/index.svelte";
import type { Issue } from "../channels/channel";

/** Our own tables of a sender's codes (decision 0082), those that are asked for most in front. */
export const TABLES = [
  "sex", "encounter-class", "interpretation", "observation-status", "report-status", "order-status", "order-control", "order-priority", "marital", "relationship", "subscriber-relationship", "contact-role", "language", "religion", "ethnicity", "name-use", "address-use", "telecom-use", "telecom-system",
  "allergy-category", "allergy-type", "allergy-severity", "allergy-criticality", "diagnosis-use", "procedure-category", "encounter-priority", "appointment-status", "referral-status", "immunization-status", "document-completion", "document-status", "mime", "yes-no", "charge-status", "dispense-status", "event-reason",
] as const;

/** Code systems that a sender's code mostly leads to. */
export const SYSTEMS: { name: string; system: string }[] = [
  { name: "LOINC", system: "http://loinc.org" },
  { name: "SNOMED CT", system: "http://snomed.info/sct" },
  { name: "ICD-10", system: "http://hl7.org/fhir/sid/icd-10" },
  { name: "UCUM", system: "http://unitsofmeasure.org" },
];

/** Types of records that a field of a Z-segment can be added to. */
export const RECORDS = ["Patient", "Encounter", "Observation", "ServiceRequest", "DiagnosticReport", "Specimen", "Account", "AllergyIntolerance", "Appointment", "Condition", "Coverage", "DocumentReference", "Immunization", "MedicationRequest", "Procedure"] as const;

export const TYPES = ["string", "code", "dateTime", "integer", "decimal", "boolean"] as const;

export type Kind = "codes" | "fields";

export interface CodeDraft {
  /** One of our tables, units, a table of HL7 by its number, or a system of the sender's own. */
  by: "table" | "unit" | "hl7" | "own";
  table: string;
  /** Four digits of a table of HL7. */
  number: string;
  own: string;
  code: string;
  system: string;
  to: string;
  display: string;
}

export const NO_CODE: CodeDraft = { by: "own", table: "sex", number: "", own: "", code: "", system: "http://loinc.org", to: "", display: "" };

export interface FieldDraft {
  field: string;
  form: "extension" | "identifier" | "observation";
  record: string;
  /** The address of an extension, or the system of an identifier or code. */
  address: string;
  type: string;
  code: string;
  display: string;
  unit: string;
}

export const NO_FIELD: FieldDraft = { field: "", form: "extension", record: "Patient", address: "", type: "string", code: "", display: "", unit: "" };

/** What an entry is for, as the document has it: `sex`, `v2-0007`, or the sender's own name. */
export const whose = (entry: SentCode): string => entry.table ?? entry.codeSystem ?? "";

export function codeDraft(entry: SentCode): CodeDraft {
  const hl7 = /^v2-(\d{4})$/.exec(entry.table ?? "")?.[1];
  const by = entry.table == null ? "own" : entry.table === "unit" ? "unit" : hl7 === undefined ? "table" : "hl7";
  return { by, table: by === "table" ? (entry.table ?? "") : NO_CODE.table, number: hl7 ?? "", own: entry.codeSystem ?? "", code: entry.code, system: entry.to.system ?? "", to: entry.to.code, display: entry.to.display ?? "" };
}

export function entryOf(draft: CodeDraft): SentCode {
  const [system, display] = [draft.by === "unit" ? "http://unitsofmeasure.org" : draft.system.trim(), draft.display.trim()];
  const where = draft.by === "own" ? { codeSystem: draft.own.trim() } : { table: draft.by === "unit" ? "unit" : draft.by === "hl7" ? `v2-${draft.number.trim()}` : draft.table };
  return { ...where, code: draft.code.trim(), to: { ...(system ? { system } : {}), code: draft.to.trim(), ...(display ? { display } : {}) } };
}

/** An absolute URI, as the box wants every address of a system. */
const isAddress = (text: string) => /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(text.trim());
/** No blanks around it, single ones inside (datatype `code`). */
const isCode = (text: string) => /^\S+( \S+)*$/.test(text.trim());
const same = (a: SentCode, b: SentCode) => whose(a).toLowerCase() === whose(b).toLowerCase() && a.code.toLowerCase() === b.code.toLowerCase() && (a.table == null) === (b.table == null);

/** The first fault of each field, as the key of its sentence; `others` are the entries that stand already. */
export function codeFaults(draft: CodeDraft, others: readonly SentCode[]): Partial<Record<keyof CodeDraft, Key>> {
  const out: Partial<Record<keyof CodeDraft, Key>> = {};
  const entry = entryOf(draft);
  if (draft.by === "own" && entry.codeSystem === "") out.own = "maps.bad.own";
  if (draft.by === "hl7" && !/^\d{4}$/.test(draft.number.trim())) out.number = "maps.bad.number";
  if (entry.code === "") out.code = "maps.bad.code";
  else if (others.some((other) => same(other, entry))) out.code = "maps.bad.twice";
  if (!isCode(draft.to)) out.to = "maps.bad.to";
  if ((draft.by === "own" || draft.by === "hl7" || draft.system.trim() !== "") && draft.by !== "unit" && !isAddress(draft.system)) out.system = "maps.bad.address";
  return out;
}

export function fieldDraft(rule: ZField): FieldDraft {
  const of = (detail: unknown, name: string) => {
    const value = (detail as Record<string, unknown> | null | undefined)?.[name];
    return typeof value === "string" ? value : "";
  };
  const form = rule.observation != null ? "observation" : rule.identifier != null ? "identifier" : "extension";
  const detail = rule[form];
  return { field: rule.field, form, record: rule.resource ?? NO_FIELD.record, address: of(detail, form === "extension" ? "url" : "system"), type: of(detail, "type") || NO_FIELD.type, code: of(detail, "code"), display: of(detail, "display"), unit: of(detail, "unit") };
}

export function ruleOf(draft: FieldDraft): ZField {
  const [field, address, display, unit] = [draft.field.trim().toUpperCase(), draft.address.trim(), draft.display.trim(), draft.unit.trim()];
  switch (draft.form) {
    case "extension": return { field, resource: draft.record, extension: { url: address, type: draft.type } };
    case "identifier": return { field, resource: draft.record, identifier: { system: address } };
    case "observation": return { field, observation: { system: address, code: draft.code.trim(), ...(display ? { display } : {}), type: draft.type, ...(unit && draft.type === "decimal" ? { unit } : {}) } };
  }
}

export function fieldFaults(draft: FieldDraft): Partial<Record<keyof FieldDraft, Key>> {
  const out: Partial<Record<keyof FieldDraft, Key>> = {};
  if (!/^Z[A-Z0-9]{2}-[1-9]\d{0,2}(\.[1-9]\d{0,2}){0,2}$/i.test(draft.field.trim())) out.field = "maps.bad.field";
  if (!isAddress(draft.address)) out.address = "maps.bad.address";
  if (draft.form === "observation" && !isCode(draft.code)) out.code = "maps.bad.to";
  return out;
}

/** Which field of a form a place of the document is shown at; null for a place of another entry. */
export function fieldAt<F extends string>(place: string | null, entry: string, fields: Record<string, F>): F | null {
  if (place === null || !(place === entry || place.startsWith(`${entry}.`))) return null;
  const inside = place.slice(entry.length + 1);
  const found = Object.keys(fields).filter((way) => inside === way || inside.startsWith(`${way}.`)).sort((a, b) => b.length - a.length)[0];
  return found === undefined ? null : (fields[found] ?? null);
}

export const CODE_PLACES: Record<string, keyof CodeDraft> = { table: "table", codeSystem: "own", code: "code", to: "to", "to.system": "system", "to.display": "display" };
export const FIELD_PLACES: Record<string, keyof FieldDraft> = { field: "field", resource: "record", extension: "address", "extension.type": "type", identifier: "address", observation: "address", "observation.code": "code", "observation.display": "display", "observation.type": "type", "observation.unit": "unit" };

/** What is wrong, at the fields of one entry and elsewhere. */
export function sorted<F extends string>(issues: readonly Issue[], entry: string, fields: Record<string, F>): { at: Partial<Record<F, string>>; elsewhere: Issue[] } {
  const at: Partial<Record<F, string>> = {};
  const elsewhere: Issue[] = [];
  for (const issue of issues) {
    const field = fieldAt(issue.place, entry, fields);
    if (field !== null && at[field] === undefined) at[field] = issue.message;
    else elsewhere.push(issue);
  }
  return { at, elsewhere };
}

/** Where an entry stands in a document that somebody may have changed since; -1 when it is gone. */
export const codeIndex = (maps: Maps, entry: SentCode): number => maps.concepts.findIndex((other) => same(other, entry));
export const fieldIndex = (maps: Maps, rule: ZField): number => maps.zsegments.findIndex((other) => JSON.stringify(ruleOf(fieldDraft(other))) === JSON.stringify(ruleOf(fieldDraft(rule))));

/** The document with an entry put in the place of another, at the end where there was none, or taken out where there is none to put. */
export function withEntry<E>(all: readonly E[], at: number, entry: E | null): E[] {
  const rest = at >= 0 ? [...all.slice(0, at), ...(entry === null ? [] : [entry]), ...all.slice(at + 1)] : [...all];
  return at < 0 && entry !== null ? [...rest, entry] : rest;
}

/** Entries in which every word of a search begins a word or a code, with where each stands in the document. */
export function found<E>(all: readonly E[], typed: string, text: (entry: E) => string): { entry: E; at: number }[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return all.map((entry, at) => ({ entry, at })).filter(({ entry }) => {
    const inside = text(entry).toLowerCase();
    return words.every((word) => inside.includes(word));
  });
}
