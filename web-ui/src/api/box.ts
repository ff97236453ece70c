// Every call the screens make, one function each. Screens know these names and never an address.
import { api, take, upload } from "./client";
import type * as T from "./types";

const path = <P>(values: P) => ({ params: { path: values } });

export const status = () => take(api.GET("/api/status")) as Promise<T.Status>;
export const setup = (body: T.SetupRequest) => take(api.POST("/api/setup", { body }), "mayRefuse");
export const setupRecovery = () => take(api.GET("/api/setup/recovery"), "mayRefuse");
export const setupConfirm = (groups: Record<string, string>) => take(api.POST("/api/setup/confirm", { body: { groups } }));
export const unlock = (body: { passphrase: string } | { recoveryKey: string }) => take(api.POST("/api/unlock", { body }), "mayRefuse");

export const rescueRetry = () => take(api.POST("/api/rescue/retry"), "mayRefuse");

export const login = (username: string, password: string) => take(api.POST("/api/login", { body: { username, password } }), "mayRefuse");
export const loginTotp = (body: { code: string } | { recoveryCode: string }) => take(api.POST("/api/login/totp", { body }), "mayRefuse");
export const loginEnrol = (code: string) => take(api.POST("/api/login/enrol", { body: { code } }), "mayRefuse");
export const loginPassword = (password: string) => take(api.POST("/api/login/password", { body: { password } }), "mayRefuse");
export const logout = () => take(api.POST("/api/logout"));

export const session = () => take(api.GET("/api/session"), "mayRefuse") as Promise<T.Session>;
export const prove = (password: string) => take(api.POST("/api/session/prove", { body: { password } }));
export const patchMe = (body: { language?: string; theme?: string; density?: string }) => take(api.PATCH("/api/me", { body }));
export const changePassword = (body: { current: string; password: string }) => take(api.POST("/api/me/password", { body }), "mayRefuse");
export const beginOwnFactor = () => take(api.POST("/api/me/second-factor"));
export const confirmOwnFactor = (code: string) => take(api.POST("/api/me/second-factor/confirm", { body: { code } }));
export const mySessions = () => take(api.GET("/api/me/sessions"));
export const endSession = (id: string) => take(api.DELETE("/api/me/sessions/{id}", path({ id })));
export const myConsents = () => take(api.GET("/api/me/consents"));
export const endMyConsent = (id: string) => take(api.DELETE("/api/me/consents/{id}", path({ id })));

export const search = (q: string, signal?: AbortSignal) => take(api.GET("/api/search", { params: { query: { q } }, signal }));
export const recent = () => take(api.GET("/api/patients/recent"));
export const duplicates = (body: T.Sketch, signal?: AbortSignal) => take(api.POST("/api/patients/duplicates", { body, signal }));
export const register = (body: T.NewPatient) => take(api.POST("/api/patients", { body }));
export const chart = (id: string, signal?: AbortSignal) => take(api.GET("/api/patients/{id}/chart", { ...path({ id }), signal }));
export const results = (id: string, code: string) => take(api.GET("/api/patients/{id}/results/{code}", path({ id, code })));
export const accessLog = (id: string) => take(api.GET("/api/patients/{id}/access-log", path({ id })));
export const openInEmergency = (id: string, reason: string) => take(api.POST("/api/patients/{id}/emergency", { ...path({ id }), body: { reason } }));
export const emergencies = () => take(api.GET("/api/emergencies"));
export const addAllergy = (id: string, body: T.NewAllergy) => take(api.POST("/api/patients/{id}/allergies", { ...path({ id }), body }));
export const addProblem = (id: string, body: T.NewProblem) => take(api.POST("/api/patients/{id}/problems", { ...path({ id }), body }));
export const criticalResults = () => take(api.GET("/api/results/critical"));
export const review = (id: string, observation: string, version: number) => take(api.POST("/api/patients/{id}/observations/{observation}/review", { ...path({ id, observation }), body: { version } }));
export const unreview = (id: string, observation: string, version: number) => take(api.DELETE("/api/patients/{id}/observations/{observation}/review", { params: { path: { id, observation }, query: { version } } }));
/** Where the bytes of a document lie, for saving. */
export const documentPath = (patient: string, document: string) => `/api/patients/${encodeURIComponent(patient)}/documents/${encodeURIComponent(document)}`;

export const inbox = (asked: { state: "needs" | "refused" | "all"; q?: string; from?: string; to?: string }, before?: number) => take(api.GET("/api/inbox", { params: { query: { ...asked, before } } })) as Promise<T.InboxPage>;
export const message = (seq: string) => take(api.GET("/api/inbox/{seq}", path({ seq: Number(seq) }))) as Promise<T.InboxMessage>;
export const settle = (seq: string, how: T.Settlement) => take(api.POST("/api/inbox/{seq}/settle", { ...path({ seq: Number(seq) }), body: how })) as Promise<T.Settled>;

export const users = () => take(api.GET("/api/users")) as Promise<{ users: T.User[] }>;
export const addUser = (body: { name: string; username: string; roles: T.Role[]; password: string; registration?: string }) => take(api.POST("/api/users", { body })) as Promise<T.User>;
export const patchUser = (id: string, body: { roles?: T.Role[]; disabled?: boolean; name?: string; registration?: string }) => take(api.PATCH("/api/users/{id}", { ...path({ id }), body }));
export const resetUser = (id: string, secondFactor: boolean) => take(api.POST("/api/users/{id}/reset", { ...path({ id }), body: { secondFactor } }));

export const tokens = () => take(api.GET("/api/tokens"));
export const addToken = (body: { name: string; scope: string; ttlHours: number }) => take(api.POST("/api/tokens", { body }));
export const endToken = (id: string) => take(api.DELETE("/api/tokens/{id}", path({ id })));

export const programs = () => take(api.GET("/api/clients")) as Promise<{ clients: T.Program[] }>;
export const addProgram = (body: T.NewProgram) => take(api.POST("/api/clients", { body }));
export const changeProgram = (id: string, body: T.ProgramChange) => take(api.PATCH("/api/clients/{id}", { ...path({ id }), body }));
export const endProgram = (id: string) => take(api.DELETE("/api/clients/{id}", path({ id })));
export const programGrants = (id: string) => take(api.GET("/api/clients/{id}/grants", path({ id }))) as Promise<{ grants: T.Grant[] }>;
export const endProgramGrants = (id: string) => take(api.DELETE("/api/clients/{id}/grants", path({ id })));
export const newProgramSecret = (id: string) => take(api.POST("/api/clients/{id}/secret", path({ id })));

export const jobs = () => take(api.GET("/api/jobs")) as Promise<{ jobs: T.Job[] }>;
export const endJob = (id: string) => take(api.DELETE("/api/jobs/{id}", path({ id })));

export const subscriptions = () => take(api.GET("/api/subscriptions")) as Promise<{ subscriptions: T.Subscription[] }>;
export const pauseSubscription = (id: string) => take(api.POST("/api/subscriptions/{id}/pause", path({ id })));
export const resumeSubscription = (id: string) => take(api.POST("/api/subscriptions/{id}/resume", path({ id })));
export const retrySubscription = (id: string) => take(api.POST("/api/subscriptions/{id}/retry", path({ id })));

export const channels = () => take(api.GET("/api/channels")) as Promise<{ channels: T.Channel[] }>;
export const channelDocument = (name: string) => take(api.GET("/api/channels/{name}", path({ name })));
/** Writes a document; `version` is the one that it changes, or null for a channel that is not there yet. */
export const putChannel = (name: string, document: unknown, version: number | null) => take(api.PUT("/api/channels/{name}", { ...path({ name }), headers: version === null ? { "if-none-match": "*" } : { "if-match": `W/"${version}"` }, body: document as T.ChannelDocument }));
export const endChannel = (name: string, version: number) => take(api.DELETE("/api/channels/{name}", { ...path({ name }), headers: { "if-match": `W/"${version}"` } }));
export const pauseChannel = (name: string) => take(api.POST("/api/channels/{name}/pause", path({ name })));
export const resumeChannel = (name: string) => take(api.POST("/api/channels/{name}/resume", path({ name })));
export const channelVersions = (name: string) => take(api.GET("/api/channels/{name}/versions", path({ name })));
export const channelVersion = (name: string, version: number) => take(api.GET("/api/channels/{name}/versions/{version}", path({ name, version })));
export const restoreChannel = (name: string, version: number, current: number) => take(api.POST("/api/channels/{name}/versions/{version}/restore", { ...path({ name, version }), headers: { "if-match": `W/"${current}"` } }));
export const tryChannel = (name: string, body: { message: string } | { seq: number }) => take(api.POST("/api/channels/{name}/try", { ...path({ name }), body }));

export const testChannel = (name: string, type: string | null, production: boolean) => take(api.POST("/api/channels/{name}/test", { ...path({ name }), body: { type, production } })) as Promise<T.DoorTest>;
export const testDestination = (channel: string, name: string, type: string | null) => take(api.POST("/api/destinations/{channel}/{name}/test", { ...path({ channel, name }), body: { type } })) as Promise<T.TargetTest>;
export const channelSheet = (name: string) => take(api.GET("/api/channels/{name}/sheet", path({ name })));
export const alerts = () => take(api.GET("/api/alerts"));
/** Says that somebody sees to an alert. */
export const seeAlert = (channel: string, about: string) => take(api.POST("/api/alerts/{channel}/{about}/acknowledge", path({ channel, about })));

export const replays = () => take(api.GET("/api/replays"));
export const previewReplay = (ask: T.ReplayAsk) => take(api.POST("/api/replays/preview", { body: ask as Required<T.ReplayAsk> }));
/** `expect` is the number that the preview named: with another one the box does not begin. */
export const beginReplay = (ask: T.ReplayAsk, expect: number) => take(api.POST("/api/replays", { body: { ask: ask as Required<T.ReplayAsk>, expect } }));
export const replay = (id: number) => take(api.GET("/api/replays/{id}", path({ id })));
export const pauseReplay = (id: number) => take(api.POST("/api/replays/{id}/pause", path({ id })));
export const resumeReplay = (id: number) => take(api.POST("/api/replays/{id}/resume", path({ id })));
export const cancelReplay = (id: number) => take(api.POST("/api/replays/{id}/cancel", path({ id })));

/** The clinic's own maps, and their version; 0 until there are some. */
export async function maps(): Promise<{ maps: T.Maps; version: number }> {
  const asked = api.GET("/api/hl7/maps");
  // A document may leave either list out.
  const found = (await take(asked)) as Partial<T.Maps>;
  return { maps: { concepts: found.concepts ?? [], zsegments: found.zsegments ?? [] }, version: Number(/"(\d+)"/.exec((await asked).response.headers.get("etag") ?? "")?.[1] ?? 0) };
}
/** Writes the maps in the place of `version`; 0 where there are none yet. `document` may be the text of a file: the box reads it itself. */
export const putMaps = (document: T.Maps | string, version: number) => take(api.PUT("/api/hl7/maps", { headers: version === 0 ? { "if-none-match": "*" } : { "if-match": `W/"${version}"` }, body: document as T.Maps, ...(typeof document === "string" ? { bodySerializer: (text: unknown) => text as string } : {}) }));
/** What maps that are only being written would change in stored messages. */
export const tryMaps = (document: T.Maps) => take(api.POST("/api/hl7/maps/try", { body: document }));
export const mapVersions = () => take(api.GET("/api/hl7/maps/versions"));
export const mapVersion = (version: number) => take(api.GET("/api/hl7/maps/versions/{version}", path({ version })));

export const outbox = (state: T.OutboxState | undefined, before?: number) => take(api.GET("/api/outbox", { params: { query: { state, before } } })) as Promise<T.OutboxPage>;
export const outboxMessage = (seq: number) => take(api.GET("/api/outbox/{seq}", path({ seq }))) as Promise<T.OutboxMessage>;
export const resendOutbox = (seq: number) => take(api.POST("/api/outbox/{seq}/resend", path({ seq })));
export const editOutbox = (seq: number, text: string) => take(api.POST("/api/outbox/{seq}/edit", { ...path({ seq }), body: { text } }));
export const discardOutbox = (seq: number, reason: string) => take(api.POST("/api/outbox/{seq}/discard", { ...path({ seq }), body: { reason } }));
export const pauseDestination = (channel: string, name: string) => take(api.POST("/api/destinations/{channel}/{name}/pause", path({ channel, name })));
export const resumeDestination = (channel: string, name: string) => take(api.POST("/api/destinations/{channel}/{name}/resume", path({ channel, name })));

export const searchParameters = () => take(api.GET("/api/search-parameters")) as Promise<{ parameters: T.OwnParameter[]; index: T.IndexState }>;

export const changes = (since: number) => take(api.GET("/api/changes", { params: { query: { since } } }));

export const roomTicket = (id: string, device: string) => take(api.POST("/api/consultations/{id}/ticket", { ...path({ id }), body: { device } }));
export const ownRoomTicket = (id: string, device: string) => take(api.POST("/api/portal/consultations/{id}/ticket", { ...path({ id }), body: { device } }), "mayRefuse");
export const readChat = (id: string, after: number) => take(api.GET("/api/consultations/{id}/chat", { params: { path: { id }, query: { after } } }));
const filesOf = (id: string, portal: boolean) => `/api/${portal ? "portal/" : ""}consultations/${encodeURIComponent(id)}/files`;
export const sendFile = (id: string, portal: boolean, one: { file: Blob; name: string; key: string }, sent: (part: number) => void) => upload<T.ChatMessage>(`${filesOf(id, portal)}?${new URLSearchParams({ name: one.name, key: one.key })}`, one.file, sent, portal ? "mayRefuse" : "");
/** Where a file of a consultation lies, for saving. */
export const filePath = (id: string, portal: boolean, no: number) => `${filesOf(id, portal)}/${no}`;
export const ownChat = (id: string, after: number) => take(api.GET("/api/portal/consultations/{id}/chat", { params: { path: { id }, query: { after } } }), "mayRefuse");
export const consultations = (patient?: string) => take(api.GET("/api/consultations", { params: { query: { patient } } }));
export const consultation = (id: string) => take(api.GET("/api/consultations/{id}", path({ id })));
export const redFlags = () => take(api.GET("/api/consultations/flags"));
export const requestConsultation = (body: T.ConsultationWish) => take(api.POST("/api/consultations", { body }));
export type ConsultationTurn = "assign" | "arrived" | "identity" | "consent" | "emergency" | "start" | "absent" | "interrupted" | "resumed" | "transfer" | "transfer/accept" | "transfer/decline" | "complete" | "addendum" | "cancel";
/** Asks for a transition; the body names the state that is on the screen. */
export const turnConsultation = (id: string, turn: ConsultationTurn, body: { expected: T.Consultation["state"] } & Record<string, unknown>) => take(api.POST(`/api/consultations/{id}/${turn}` as "/api/consultations/{id}/start", { ...path({ id }), body }));
export const doctors = () => take(api.GET("/api/presence"));
export const setPresence = (state: "ONLINE" | "BREAK" | "OFFLINE") => take(api.POST("/api/presence/me", { body: { state } }));
export const beat = () => take(api.POST("/api/presence/me/beat"));
export const describeDoctor = (id: string, specialties: string[], languages: string[]) => take(api.PUT("/api/presence/{id}/profile", { ...path({ id }), body: { specialties, languages } }));
export const formulary = () => take(api.GET("/api/formulary"));
export const ownMedicines = () => take(api.GET("/api/formulary/own"));
export const setOwnMedicines = (body: T.OwnMedicinesChange) => take(api.PUT("/api/formulary/own", { body }));
export const telemedicineLists = () => take(api.GET("/api/telemedicine-lists"));
export const setTelemedicineLists = (body: T.OwnListsChange) => take(api.PUT("/api/telemedicine-lists", { body }));
export const prices = () => take(api.GET("/api/prices"));
export const addPrice = (body: T.NewPrice) => take(api.POST("/api/prices", { body }));
export const paymentWays = () => take(api.GET("/api/payments/ways"));
export const changePaymentWays = (body: T.PaymentWaysChange) => take(api.PUT("/api/payments/ways", { body }));
export const payments = () => take(api.GET("/api/payments"));
export const confirmPayment = (id: string, method: "cash" | "upi", paise: number, reference?: string) => take(api.POST("/api/payments/{id}/confirm", { ...path({ id }), body: { method, paise, reference } }));
export const refundPayment = (id: string, paise: number, reason: string) => take(api.POST("/api/payments/{id}/refund", { ...path({ id }), body: { paise, reason } }));
export const settleCredit = (id: string, how: string) => take(api.POST("/api/payments/{id}/credit", { ...path({ id }), body: { how } }));
/** Where the QR picture of a payment lies, for the desk. */
export const deskQr = (id: string) => `/api/payments/${encodeURIComponent(id)}/upi.svg`;
export const joinLink = (id: string) => take(api.POST("/api/patients/{id}/join-link", path({ id })));

export const join = (token: string, birthYear: number) => take(api.POST("/api/join", { body: { token, birthYear } }), "mayRefuse");
export const portal = () => take(api.GET("/api/portal"), "mayRefuse");
export const leavePortal = () => take(api.POST("/api/portal/leave"), "mayRefuse");
export const ownConsultations = () => take(api.GET("/api/portal/consultations"), "mayRefuse");
export const requestOwn = (body: T.ConsultationWish) => take(api.POST("/api/portal/consultations", { body }), "mayRefuse");
export const arriveOwn = (id: string, expected: T.Consultation["state"]) => take(api.POST("/api/portal/consultations/{id}/arrived", { ...path({ id }), body: { expected } }), "mayRefuse");
export const cancelOwn = (id: string, expected: T.Consultation["state"], reason: string) => take(api.POST("/api/portal/consultations/{id}/cancel", { ...path({ id }), body: { expected, reason, refund: "full" } }), "mayRefuse");
export const claimOwn = (id: string, reference: string) => take(api.POST("/api/portal/payments/{id}/claim", { ...path({ id }), body: { reference } }), "mayRefuse");
/** Where the QR picture of an own payment lies. */
export const ownQr = (id: string) => `/api/portal/payments/${encodeURIComponent(id)}/upi.svg`;

export const readNote = (id: string) => take(api.GET("/api/consultations/{id}/note", path({ id })));
export const saveNote = (id: string, body: T.NoteSave) => take(api.PUT("/api/consultations/{id}/note", { ...path({ id }), body }));
export const extractNote = (id: string) => take(api.POST("/api/consultations/{id}/note/extract", path({ id })));
export const readPrescription = (id: string) => take(api.GET("/api/consultations/{id}/prescription", path({ id })));
export const savePrescription = (id: string, body: T.PrescriptionSave) => take(api.PUT("/api/consultations/{id}/prescription", { ...path({ id }), body }));
export const signConsultation = (id: string, body: T.SignWish) => take(api.POST("/api/consultations/{id}/sign", { ...path({ id }), body }));
export const cancelPrescription = (id: string, body: T.PrescriptionCancel) => take(api.POST("/api/consultations/{id}/prescription/cancel", { ...path({ id }), body }));
export const discardNote = (id: string, version: number, reason: string) => take(api.POST("/api/consultations/{id}/note/discard", { ...path({ id }), body: { version, reason } }));
export const discardPrescription = (id: string, version: number, reason: string) => take(api.POST("/api/consultations/{id}/prescription/discard", { ...path({ id }), body: { version, reason } }));
/** Where a signed paper lies as a page to print. */
export const paperPdf = (id: string, paper: string, size: "a4" | "a5") => `/api/consultations/${encodeURIComponent(id)}/documents/${encodeURIComponent(paper)}/pdf?paper=${size}`;
export const changePin = (body: { password: string; pin: string }) => take(api.PUT("/api/me/pin", { body }));
export const transcript = (id: string) => take(api.GET("/api/consultations/{id}/transcript", path({ id })));
export const dictate = (patient: string, language: string, wav: Blob) => take(api.POST("/api/patients/{id}/dictations", { params: { path: { id: patient }, query: { language } }, body: wav as never, bodySerializer: (body: unknown) => body as Blob, headers: { "content-type": "audio/wav" } }));
export const dictation = (id: string) => take(api.GET("/api/dictations/{id}", path({ id })));
export const live = () => take(api.GET("/api/live"));
export const transcription = () => take(api.GET("/api/transcription"));
export const recordings = (id: string) => take(api.GET("/api/consultations/{id}/recordings", path({ id })));
/** Where a recording lies, for a player. */
export const recordingFile = (id: string, recording: string) => `/api/consultations/${encodeURIComponent(id)}/recordings/${encodeURIComponent(recording)}`;
export const ownRecordings = (id: string) => take(api.GET("/api/portal/consultations/{id}/recordings", path({ id })), "mayRefuse");
export const ownFiles = () => take(api.GET("/api/portal/files"), "mayRefuse");
export const ownPapers = () => take(api.GET("/api/portal/papers"), "mayRefuse");
/** Where an own signed paper lies as a page. */
export const ownPaperPdf = (id: string, paper: string) => `/api/portal/consultations/${encodeURIComponent(id)}/documents/${encodeURIComponent(paper)}/pdf`;
export const ownAccessLog = () => take(api.GET("/api/portal/access-log"), "mayRefuse");
/** The page from which an own payment goes to the payment gateway. */
export const ownCheckout = (id: string) => `/api/portal/payments/${encodeURIComponent(id)}/checkout`;
