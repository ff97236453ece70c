// Every call the screens make, one function each. Screens know these names and never an address.
import { call } from "./client";
import type * as T from "./types";

const id = encodeURIComponent;

export const status = () => call<T.Status>("GET", "/api/status");
export const setup = (request: T.SetupRequest) => call<T.RecoverySheet>("POST", "/api/setup", request, { mayRefuse: true });
export const setupRecovery = () => call<T.RecoverySheet>("GET", "/api/setup/recovery", undefined, { mayRefuse: true });
export const setupConfirm = (groups: Record<string, string>) => call<null>("POST", "/api/setup/confirm", { groups });
export const unlock = (by: { passphrase: string } | { recoveryKey: string }) => call<null>("POST", "/api/unlock", by, { mayRefuse: true });

export const login = (username: string, password: string) => call<T.LoginAnswer>("POST", "/api/login", { username, password }, { mayRefuse: true });
export const loginTotp = (by: { code: string } | { recoveryCode: string }) => call<T.LoginAnswer>("POST", "/api/login/totp", by, { mayRefuse: true });
export const loginEnrol = (code: string) => call<T.LoginAnswer & { recoveryCodes?: string[] }>("POST", "/api/login/enrol", { code }, { mayRefuse: true });
export const loginPassword = (password: string) => call<T.LoginAnswer>("POST", "/api/login/password", { password }, { mayRefuse: true });
export const logout = () => call<null>("POST", "/api/logout");

export const session = () => call<T.Session>("GET", "/api/session", undefined, { mayRefuse: true });
export const patchMe = (change: { language?: string; theme?: string; density?: string }) => call<unknown>("PATCH", "/api/me", change);
export const changePassword = (change: { current: string; password: string }) => call<null>("POST", "/api/me/password", change, { mayRefuse: true });
export const prove = (password: string) => call<null>("POST", "/api/session/prove", { password }, { mayRefuse: true });
export const mySessions = () => call<{ sessions: T.OwnSession[] }>("GET", "/api/me/sessions");
export const endSession = (session: string) => call<null>("DELETE", `/api/me/sessions/${id(session)}`);

export const search = (q: string, signal?: AbortSignal) => call<{ hits: T.SearchHit[]; more: boolean }>("GET", `/api/search?q=${id(q)}`, undefined, { signal });
export const recent = () => call<{ hits: T.SearchHit[] }>("GET", "/api/patients/recent");
export const duplicates = (about: unknown, signal?: AbortSignal) => call<{ candidates: T.Candidate[] }>("POST", "/api/patients/duplicates", about, { signal });
export const register = (patient: T.NewPatient) => call<T.Identity>("POST", "/api/patients", patient);
export const chart = (patient: string, signal?: AbortSignal) => call<T.Chart>("GET", `/api/patients/${id(patient)}/chart`, undefined, { signal });
export const results = (patient: string, code: string) => call<T.ResultSeries>("GET", `/api/patients/${id(patient)}/results/${id(code)}`);
/** Where the bytes of a document lie, for saving. */
export const documentPath = (patient: string, document: string) => `/api/patients/${id(patient)}/documents/${id(document)}`;
export const accessLog = (patient: string) => call<{ rows: T.AccessRow[] }>("GET", `/api/patients/${id(patient)}/access-log`);
export const addAllergy = (patient: string, allergy: { none: true } | { substance: string; reaction?: string; severity?: string; certainty?: string }) => call<unknown>("POST", `/api/patients/${id(patient)}/allergies`, allergy);
export const addProblem = (patient: string, problem: { text: string; since?: string }) => call<unknown>("POST", `/api/patients/${id(patient)}/problems`, problem);

export const inbox = (state: "needs" | "refused" | "all", before?: string | number) => call<{ rows: T.InboxRow[]; counts: T.InboxCounts }>("GET", `/api/inbox?state=${state}${before === undefined ? "" : `&before=${before}`}`);
export const message = (seq: string | number) => call<T.InboxMessage>("GET", `/api/inbox/${id(String(seq))}`);
export type Settlement = { action: "assign"; patientId: string; remember: boolean } | { action: "new" } | { action: "refuse"; reason: string };
export const settle = (seq: string | number, how: Settlement) => call<unknown>("POST", `/api/inbox/${id(String(seq))}/settle`, how);

export const users = () => call<{ users: T.User[] }>("GET", "/api/users");
export const addUser = (user: { name: string; username: string; roles: T.Role[]; password: string; registration?: string; qualification?: string }) => call<T.User>("POST", "/api/users", user);
export const patchUser = (user: string, change: { roles?: T.Role[]; disabled?: boolean; name?: string; registration?: string }) => call<unknown>("PATCH", `/api/users/${id(user)}`, change);
export const resetUser = (user: string, secondFactor: boolean) => call<{ password: string }>("POST", `/api/users/${id(user)}/reset`, { secondFactor });

export const tokens = () => call<{ tokens: T.Token[] }>("GET", "/api/tokens");
export const addToken = (token: { name: string; scope: string; ttlHours: number }) => call<{ token: string }>("POST", "/api/tokens", token);
export const endToken = (token: string) => call<null>("DELETE", `/api/tokens/${id(token)}`);

export const changes = (since: number) => call<{ changes: T.Change[]; last: number; reset?: boolean }>("GET", `/api/changes?since=${since}`);
