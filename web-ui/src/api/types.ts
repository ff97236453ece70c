// The box's answers under the names that the screens use. Generated from the box's own description (schema.d.ts); only
// narrower words are added here: roles, flags, choices.
import type { components } from "./schema";

type S = components["schemas"];

export type Identity = S["Identity"];
export type Sex = S["Sex"];
export type ChatMessage = S["ChatMessage"];
export type Status = Omit<S["Status"], "state" | "secondFactor"> & { state: "setup" | "recovery" | "sealed" | "rescue" | "ready"; secondFactor: "required" | "optional" };
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
export type CriticalResult = S["CriticalResult"];
export type CriticalResults = S["CriticalResults"];
export type AccessRow = S["AccessRow"];
export type OwnParameter = Omit<S["SearchParameterLine"], "state"> & { state: "indexing" | "waiting" | "ready" };
export type IndexState = Omit<S["IndexLine"], "state"> & { state: "renewing" | "ready" };
export type Opening = S["Opening"];
export type NewAllergy = S["NewAllergy"];
export type NewProblem = S["NewProblem"];

export type InboxState = "received" | "applied" | "held" | "refused" | "dismissed";

export type InboxRow = Omit<S["InboxRow"], "state"> & { state: InboxState };
export type InboxCounts = S["InboxCounts"];
export type InboxPage = Omit<S["InboxPage"], "rows"> & { rows: InboxRow[] };
export type InboxSegment = S["SegmentView"];
export type Meaning = S["MeaningView"];
export type StoredResource = S["ResourceView"];
export type Moment = S["Moment"];
export type InboxMessage = Omit<S["InboxMessage"], "row"> & { row: InboxRow };
export type Settlement = S["Decision"];
export type Settled = Omit<S["Settled"], "state"> & { state: "applied" | "held" | "dismissed" };

export type User = Omit<S["User"], "roles"> & { roles: Role[] };
export type Token = S["Token"];
export type OwnSession = S["OwnSession"];
export type Change = S["Change"];
export type Job = Omit<S["JobLine"], "state" | "kind"> & { state: "waiting" | "running" | "done" | "failed" | "dropped"; kind: "export" | "import" | "request" | "upload" };
export type Subscription = Omit<S["SubscriptionLine"], "state"> & { state: "requested" | "active" | "error" | "off" };
export type Program = S["Program"];
export type Checked = S["Checked"];
export type NewProgram = S["NewProgram"];
export type ProgramChange = S["ProgramChange"];
export type Grant = Omit<S["Grant"], "lasts"> & { lasts: "offline" | "session" | "once" };
export type OwnConsent = S["OwnConsent"];

export type Channel = Omit<S["ChannelLine"], "state" | "kind"> & { state: "starting" | "running" | "paused" | "failed"; kind: "mllp" | "http" | "folder" | "analyser" | "records" };
export type ChannelHour = S["ChannelHour"];
export type ChannelDocument = S["Channel"];
export type ChannelVersion = S["ChannelVersion"];
export type ChannelTried = S["Tried"];

export type ChannelAlert = S["ChannelAlert"];
export type AlertList = S["ChannelAlertList"];
/** The bounds of a channel. */
export type Bounds = Required<S["ChannelAlerts"]>;
export type ChannelSheet = S["ChannelSheet"];
export type SheetStructure = S["SheetStructure"];
export type DoorTest = Omit<S["DoorTest"], "door"> & { door: Omit<S["Door"], "outcome"> & { outcome: "answered" | "failed" | "none" } };
export type TargetTest = Omit<S["TargetTest"], "outcome"> & { outcome: "taken" | "refused" | "rejected" | "failed" };
export type TestAnswer = S["TestAnswer"];
export type ProbeTime = S["ProbeTime"];
export type ProbeStep = S["ProbeStep"];

export type Replay = S["Replay"];
/** What is left out narrows nothing. */
export type ReplayAsk = Partial<S["ReplayAsk"]>;
export type ReplayPreview = S["ReplayPreview"];

export type Maps = S["Hl7Maps"];
export type MapsTried = S["MapsTried"];
export type SentCode = S["Hl7Concept"];
export type ZField = S["Hl7ZField"];
/** A version of the maps or of a channel; what was done is told of channels only. */
export type Version = S["Hl7MapVersion"] & { done?: string };

export type OutboxState = "waiting" | "accepted" | "sent" | "failed" | "discarded" | "replaced";
export type OutboxRow = Omit<S["OutboxRow"], "state"> & { state: OutboxState };
export type OutboxPage = Omit<S["OutboxPage"], "rows"> & { rows: OutboxRow[] };
export type OutboxMessage = Omit<S["OutboxMessage"], "row"> & { row: OutboxRow };
export type Attempt = S["Attempt"];

export type Consultation = S["ConsultationView"];
export type ConsultationWish = S["ConsultationWish"];
export type ConsultationMode = S["ConsultationMode"];
export type Urgency = S["Urgency"];
export type RedFlag = S["RedFlag"];
export type ClinicDoctor = S["DoctorView"];
export type Price = S["Price"];
export type NewPrice = S["NewPrice"];
export type Fee = S["PaymentView"];
export type PaymentWays = S["PaymentWays"];
export type PaymentWaysChange = S["PaymentWaysChange"];
export type Portal = S["Portal"];

export type Note = S["ConsultationNote"];
export type NoteView = S["NoteView"];
export type NoteSave = S["NoteKept"];
export type NoteVital = S["NoteVital"];
export type NoteSuggestion = S["NoteSuggestion"];
export type Prescription = S["ConsultationPrescription"];
export type PrescriptionView = S["PrescriptionView"];
export type PrescriptionSave = S["PrescriptionKept"];
export type PrescriptionLine = S["PrescriptionLine"];
export type PrescriptionIssue = S["IssueView"];
export type SignedPaper = S["SignedPaper"];
export type SignWish = S["SignWish"];

export type Transcript = S["Transcript"];
export type Recording = S["Recording"];
export type OwnRecording = S["OwnRecording"];
export type TranscriptionStatus = S["TranscriptionStatus"];
export type Live = S["LiveView"];
export type PrescriptionCancel = S["PrescriptionCancel"];
export type OwnAddendum = S["OwnAddendum"];
export type Addendum = S["Addendum"];
export type OwnFile = S["OwnFile"];
export type Formulary = S["FormularyView"];
export type OwnListsChange = S["OwnListsChange"];
export type OwnListsView = S["OwnListsView"];
export type OwnMedicine = S["OwnMedicine"];
export type OwnMedicinesChange = S["OwnMedicinesChange"];
export type OwnMedicinesView = S["OwnMedicinesView"];
export type OwnPaper = S["OwnPaper"];
