// What a browser and a room say to each other, version 1 (appliance/docs/room-protocol.md): shapes only.
export const VERSION = 1;

export type Part = "doctor" | "staff" | "patient";
export type Mode = "video" | "audio" | "chat" | "phone" | "inPerson";
export interface Muted {
  audio: boolean;
  video: boolean;
}
export interface Person {
  id: string;
  name: string;
  part: Part;
  qualification?: string;
  registration?: string;
  here: boolean;
  peer: number | null;
  up: boolean;
  muted: Muted;
  screen: boolean;
  agrees: boolean;
  agreesRecording: boolean;
}
export interface Standing {
  id: string;
  state: "REQUESTED" | "PENDING_PAYMENT" | "WAITING" | "ACTIVE" | "COMPLETED" | "CANCELLED" | "NO_SHOW";
  since: string;
  revision: number;
  mode: "video" | "audio" | "chat" | "inPerson";
  interrupted: string | null;
  graceUntil: string | null;
  doctor: { id: string; name: string; qualification: string | null; registration: string | null } | null;
  transfer: { to: string; toName: string } | null;
  identity: boolean;
  consent: boolean;
}
export interface Heard {
  open: boolean;
  missing: string[];
}
export interface Recorded {
  /** The doctor wants it. */
  asked: boolean;
  /** Sound and pictures are kept, now. */
  open: boolean;
  missing: string[];
}
export interface ChatMessage {
  no: number;
  by: string;
  name: string;
  part: Part;
  text: string;
  at: string;
  key: string;
  file?: ChatFile | null;
}
/** A file that a message hands over; the message's text is its name. */
export interface ChatFile {
  no: number;
  name: string;
  mediaType: string;
  bytes: number;
}
export interface Caption {
  speaker: string;
  id: number;
  revision: number;
  startMs: number;
  endMs: number;
  words: { text: string; doubt?: string }[];
  firm: number;
  state: "partial" | "committed" | "later";
}
export type Happening =
  | { kind: "chat"; message: ChatMessage }
  | { kind: "person"; person: Person }
  | { kind: "left"; id: string; why: "left" | "lost" | "out" }
  | { kind: "standing"; consultation: Standing }
  | { kind: "consent"; consent: Heard }
  | { kind: "recording"; recording: Recorded }
  | { kind: "mode"; mode: Mode | null }
  | { kind: "caption"; caption: Caption };

export interface Welcome {
  type: "welcome";
  v: number;
  you: string;
  epoch: string;
  n: number;
  resumed: boolean;
  consultation: Standing;
  people: Person[];
  consent: Heard;
  mode: Mode | null;
  chat: number;
  calls: boolean;
  captions: boolean;
  records: boolean;
  recording: Recorded;
}
export interface Refusal {
  type: "refused";
  of: string;
  key?: string;
  code: string;
  message: string;
}
export interface Cap {
  audioBps: number;
  videoBps: number;
}
export interface Meter {
  who: number;
  uplinkLost: number;
  downlinkLost: number;
  uplinkBps: number;
  downlinkBps: number;
  roundTripMs: number | null;
  grade: "good" | "fair" | "bad";
}
/** About the connection of the call (appliance/media/src/signal.rs). */
export type Signal =
  | { type: "welcome"; you: number; iceServers: RTCIceServer[] }
  | { type: "offer"; n: number; sdp: string }
  | { type: "candidate"; candidate: RTCIceCandidateInit }
  | { type: "cap"; cap: Cap }
  | { type: "quality"; meters: Meter[] }
  | { type: "audioOnlyAdvised" }
  | { type: "ended"; why: string }
  | { type: "joined" | "left" | "muted" };

export type FromBox =
  | Welcome
  | Refusal
  | { type: "event"; n: number; at: string; event: Happening }
  | { type: "signal"; signal: Signal }
  | { type: "call"; peer: number; fresh: boolean }
  | { type: "caption"; caption: Caption }
  | { type: "level"; level: string };

export type ToBox =
  | { type: "call"; join: boolean; video: boolean }
  | { type: "signal"; signal: Record<string, unknown> }
  | { type: "media"; muted: Muted; screen: boolean }
  | { type: "chat"; key: string; text: string }
  | { type: "agree"; on: boolean }
  | { type: "record"; on: boolean }
  | { type: "agreeRecording"; on: boolean }
  | { type: "phone"; on: boolean }
  | { type: "leave" };

/** Why the box closes a socket, as far as a page does something else about each. */
export const CLOSED = { protocol: 4400, ticket: 4401, out: 4403, replaced: 4409, over: 4410, flood: 4429 } as const;
