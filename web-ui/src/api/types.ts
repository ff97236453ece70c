// What the box says and hears, as the screens use it.
export type Sex = "F" | "M" | "O" | "U";

export interface Identity {
  id: string;
  name: string;
  nameLang?: string | null;
  otherName?: string | null;
  sex: Sex;
  birthDate?: string | null;
  birthPrecision?: "day" | "month" | "year" | null;
  number?: string | null;
  phone?: string | null;
  village?: string | null;
  deceased?: string | boolean | null;
}

export interface Status {
  state: "setup" | "recovery" | "sealed" | "ready";
  clinic: { name: string; place?: string | null } | null;
  version: string;
  now: string;
  secondFactor: "required" | "optional";
  ports?: { https?: number | null } | null;
  fingerprint?: string | null;
  database?: { checkpointAge?: number | null } | null;
  lastBackup?: string | null;
}

export interface SetupRequest {
  code: string;
  language: string;
  clinic: { name: string; place: string; phone: string; registration: string };
  owner: { name: string; username: string; password: string; alsoDoctor: boolean };
  unlock: { kind: "keyfile" } | { kind: "passphrase"; passphrase: string };
}

export interface RecoverySheet {
  recovery: { groups: string[]; qrSvg: string };
  fingerprint: string;
  confirm: number[];
}

export type LoginAnswer =
  | { session: Session }
  | { next: "totp" }
  | { next: "enrol"; secret: string; otpauth: string; qrSvg: string }
  | { next: "password" };

export type Role = "owner" | "doctor" | "nurse" | "reception" | "dispenser" | "lab" | "cashier" | "auditor";
export const ROLES: readonly Role[] = ["owner", "doctor", "nurse", "reception", "dispenser", "lab", "cashier", "auditor"];

export interface Session {
  user: { id: string; name: string; username: string; roles: Role[]; language?: string | null; theme?: string | null; density?: string | null };
  can: Record<string, string>;
  idleSeconds?: number | null;
  absoluteEnds?: string | null;
}

export interface SearchHit {
  patient: Identity;
  lastVisit?: string | null;
  birthText?: string | null;
  phone?: string | null;
  village?: string | null;
  matched?: { field: string; start: number; end: number }[];
  otherName?: string | null;
}

export interface Candidate {
  patient: Identity;
  grade: "high" | "medium";
  reasons: string[];
}

export interface NewPatient {
  name: string;
  otherName?: string;
  birth: { date: string } | { ageYears: number } | { ageMonths: number } | { ageWeeks: number };
  sex: Sex;
  phone: string | null;
  noPhone: boolean;
  village?: string;
  address?: string;
  guardian?: string;
  abha?: string;
  decisions: { patientId: string; same: false; reason: string }[];
  key: string;
}

export type Flag = "H" | "L" | "HH" | "LL" | "A" | "AA" | "N";

export interface Range {
  low?: number | string | null;
  high?: number | string | null;
  text?: string | null;
}

export interface ResultPoint {
  value: number | string;
  flag?: string | null;
  at: string;
  status?: string | null;
  source?: string | null;
}

export interface ResultSeries {
  code: string;
  system?: string | null;
  text: string;
  unit?: string | null;
  range?: Range | null;
  latest: ResultPoint;
  series: ResultPoint[];
}

export interface Allergy {
  id: string;
  substance: string;
  reaction?: string | null;
  severity?: string | null;
  year?: number | string | null;
  certainty?: string | null;
}

export interface Chart {
  patient: Identity & { address?: string | null; guardian?: string | null; abha?: string | null };
  allergies: { state: "notAsked" | "noneKnown" | "listed" | "unknown"; since?: string | null; items: Allergy[] };
  problems: { id: string; text: string; since?: string | null; active: boolean }[];
  medicines: Medicine[];
  results: ResultSeries[];
  trends?: Trends | null;
  visits: Visit[];
  documents: ClinicDocument[];
  alerts: ChartAlert[];
  opened: { at: string; who: string; role?: string | null }[];
  /** Parts that this role does not reach. */
  hidden?: string[];
  asOf: number;
}

export interface Medicine {
  id: string;
  name: string;
  strength?: string | null;
  form?: string | null;
  dose?: string | null;
  route?: string | null;
  timing?: string | null;
  /** Quantity given, as a number in text. */
  given?: string | null;
  givenOn?: string | null;
  until?: string | null;
  status?: "current" | "ranOut" | "asNeeded" | "onHold";
}

export interface BpPoint {
  at: string;
  systolic: number;
  diastolic: number;
  flag?: string | null;
}
export interface Trends {
  bloodPressure?: BpPoint[] | null;
}

export interface Visit {
  id: string;
  date: string;
  title: string;
  state?: string | null;
  lines: string[];
  by?: string | null;
  type?: string | null;
}

export interface ClinicDocument {
  id: string;
  date: string;
  title: string;
  text?: string | null;
  type?: string | null;
  /** Bytes. */
  size?: number | null;
}

export interface ChartAlert {
  code?: string | null;
  text: string;
  value: number | string;
  unit?: string | null;
  flag?: string | null;
  range?: Range | null;
  at: string;
}

export interface AccessRow {
  at: string;
  who: string;
  role?: string | null;
  action: string;
  what?: string | null;
  purpose?: string | null;
}

export type InboxState = "received" | "applied" | "held" | "refused" | "dismissed";

export interface InboxRow {
  seq: string | number;
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
  fields: { text: string; start?: number; end?: number }[];
}

export interface Meaning {
  label: { key: string; text?: string | null };
  value: string;
  flag?: string | null;
  range?: string | Range | null;
  link?: number | null;
  tone?: string | null;
}

export interface StoredResource {
  type: string;
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
  unmapped: { path: string; value: string }[];
  warnings: string[];
  held: { reason: string; candidates: { patient: Identity; reasons: string[] }[]; senderNumber?: string | null } | null;
  error: { segment?: string | null; field?: string | null; reason: string } | null;
}

export interface User {
  id: string;
  name: string;
  username: string;
  roles: Role[];
  disabled?: boolean;
  lastSeen?: string | null;
  secondFactor?: boolean;
  /** Still has the password that somebody else gave. */
  temporary?: boolean;
  registration?: string | null;
  qualification?: string | null;
}

export interface Token {
  id: string;
  name: string;
  scope: string;
  created?: string | null;
  expires?: string | null;
  lastUsed?: string | null;
}

export interface OwnSession {
  id: string;
  device?: string | null;
  started?: string | null;
  lastSeen?: string | null;
  current?: boolean;
}

export interface Change {
  tx: number;
  kind: string;
  id: string;
  patient?: string | null;
}
