// The box's answers under the names that the screens use. Generated from the box's own description (schema.d.ts); only
// narrower words are added here: roles, flags, choices.
import type { components } from "./schema";

type S = components["schemas"];

export type Identity = S["Identity"];
export type Sex = S["Sex"];
export type Status = Omit<S["Status"], "state" | "secondFactor"> & { state: "setup" | "recovery" | "sealed" | "ready"; secondFactor: "required" | "optional" };
export type SetupRequest = S["Setup"];
export type RecoverySheet = S["SheetAnswer"];
export type LoginAnswer = S["LoginAnswer"];

export type Role = "owner" | "doctor" | "nurse" | "reception" | "dispenser" | "lab" | "cashier" | "auditor";
export const ROLES: readonly Role[] = ["owner", "doctor", "nurse", "reception", "dispenser", "lab", "cashier", "auditor"];

export type Session = Omit<S["SessionView"], "user"> & { user: Omit<S["Me"], "roles"> & { roles: Role[] } };
export type SearchHit = S["Hit"];
export type Candidate = S["Candidate"];
export type NewPatient = S["NewPatient"];
export type Sketch = S["Sketch"];

export type Range = S["Range"];
export type ResultPoint = S["Point"];
export type ResultSeries = S["ResultRow"];
export type Chart = S["Chart"];
export type Medicine = S["Medicine"];
export type BpPoint = S["BloodPressure"];
export type Visit = S["Visit"];
export type ClinicDocument = S["Document"];
export type ChartAlert = S["Alert"];
export type AccessRow = S["AccessRow"];
export type NewAllergy = S["NewAllergy"];
export type NewProblem = S["NewProblem"];

export type InboxState = "received" | "applied" | "held" | "refused" | "dismissed";

export interface InboxRow {
  seq: number;
  at: string;
  title: { key: string; params?: Record<string, string | number> | null };
  sender: string;
  person?: string | null;
  state: InboxState;
}

export interface InboxCounts {
  today: number;
  needs: number;
  refused: number;
}

export interface InboxSegment {
  name: string;
  index: number;
  /** MSH-1, the separator itself, is left out. */
  fields: { number: number; text: string }[];
}

export interface Meaning {
  label: { key: string; text?: string | null };
  value: string;
  flag?: string | null;
  /** As sent. */
  range?: string | null;
  link?: number | null;
  tone?: string | null;
}

export interface StoredResource {
  type: string;
  id?: string;
  /** Version once stored; none for what would be stored. */
  version?: number | null;
  json: string;
  links: { pointer: string; segment: number; field?: number | null }[];
}

export interface InboxMessage {
  row: InboxRow;
  type: string;
  controlId: string;
  received: string;
  transport?: string | null;
  answered?: string | null;
  version?: string | null;
  segments: InboxSegment[];
  meaning: Meaning[];
  resources: StoredResource[];
  answeredLater?: { code: string; heard: boolean } | null;
  unmapped: { path: string; value: string }[];
  unknownCodes: { path: string; value: string }[];
  warnings: string[];
  held: { reason: string; detail?: string | null; candidates: { patient: Identity; reasons: string[] }[]; senderNumber?: string | null } | null;
  error: { segment?: string | null; field?: string | null; code?: string; reason: string } | null;
  patient?: Identity | null;
  settled?: { by: string; reason?: string | null } | null;
}

export type User = Omit<S["User"], "roles"> & { roles: Role[] };
export type Token = S["Token"];
export type OwnSession = S["OwnSession"];
export type Change = S["Change"];
