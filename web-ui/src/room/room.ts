// A room as a screen uses it: who is in, what was said, where the consultation stands, kept up to date and told by callbacks.
import { Line, type Door, type LineState, type Out } from "./line";
import { Peer } from "./peer";
import type { Caption, ChatMessage, FromBox, Happening, Heard, Meter, Mode, Muted, Person, Recorded, Refusal, Standing, Welcome } from "./protocol";

export interface Callbacks {
  /** The line: see LineState; `why` once it is out. */
  state?(state: LineState, why: Out | null): void;
  /** Something of people, standing, consent, mode or messages changed. */
  changed?(): void;
  event?(event: Happening): void;
  /** A caption is new or changes: a higher revision of the same speaker and id replaces it. */
  caption?(caption: Caption): void;
  level?(level: string): void;
  refused?(refusal: Refusal): void;
  /** Sound or picture of somebody is there; again for each track that joins, and with another stream after a new connection. */
  stream?(person: string, stream: MediaStream): void;
  gone?(person: string): void;
  quality?(meters: { person: string; meter: Meter }[]): void;
  /** The line carries sound only: time to ask whether to do without pictures. */
  advised?(): void;
}

export interface Boxed extends Door {
  history(after: number): Promise<{ messages: ChatMessage[]; more: boolean }>;
}

/** A message that is on its way; once it is written down it stands in `messages`. */
export interface Outgoing {
  key: string;
  text: string;
  failed: string | null;
}

/** Messages of one answer. */
const PAGE = 100;

export class Room {
  you = "";
  people: Person[] = [];
  standing: Standing | null = null;
  consent: Heard = { open: false, missing: [] };
  mode: Mode | null = null;
  /** In the order in which they were written down. */
  messages: ChatMessage[] = [];
  outgoing: Outgoing[] = [];
  calls = false;
  captions = false;
  /** The clinic lets calls be recorded. */
  records = false;
  recording: Recorded = { asked: false, open: false, missing: [] };

  private readonly line: Line;
  private readonly peer: Peer;
  private inCall = false;
  private pictures = true;
  private muted: Muted = { audio: false, video: false };
  private onScreen = false;
  private readonly streams = new Map<number, MediaStream>();
  /** Whose streams were told under which number. */
  private readonly told = new Map<number, string>();
  private catching: Promise<void> | null = null;

  constructor(
    consultation: string,
    device: string,
    private readonly box: Boxed,
    private readonly on: Callbacks,
    peer?: (config: RTCConfiguration) => RTCPeerConnection,
  ) {
    this.line = new Line(consultation, device, box, {
      message: (message) => this.take(message),
      state: (state, why) => {
        if (state === "out") this.peer.close();
        this.on.state?.(state, why);
      },
    });
    this.peer = new Peer(
      {
        say: (signal) => void this.line.send({ type: "signal", signal }),
        stream: (number, stream) => {
          this.streams.set(number, stream);
          this.told.delete(number);
          this.introduce();
        },
        gone: (number) => {
          this.streams.delete(number);
          const person = this.told.get(number);
          this.told.delete(number);
          if (person !== undefined) this.on.gone?.(person);
        },
        quality: (meters) => this.on.quality?.(meters.flatMap((meter) => this.people.filter((p) => p.peer === meter.who).map((p) => ({ person: p.id, meter })))),
        advised: () => this.on.advised?.(),
      },
      peer,
    );
  }

  start(): void {
    this.line.start();
  }

  /** The network is there again. */
  hurry(): void {
    this.line.hurry();
  }

  /** Comes into the call with this camera and microphone. */
  async call(local: MediaStream, pictures = true): Promise<void> {
    (this.inCall = true), (this.pictures = pictures);
    this.line.send({ type: "call", join: true, video: pictures });
    await this.peer.send(local);
  }

  /** Other devices for the same call. */
  async devices(local: MediaStream): Promise<void> {
    this.applyMute(local);
    await this.peer.send(local);
  }

  /** Leaves the call and stays in the room. */
  hangUp(): void {
    this.inCall = false;
    this.line.send({ type: "call", join: false, video: false });
    this.peer.close();
  }

  mute(muted: Muted, local?: MediaStream): void {
    this.muted = muted;
    if (local !== undefined) this.applyMute(local);
    this.line.send({ type: "media", muted, screen: this.onScreen });
  }

  /** Shows this track in place of the camera; null for the camera again. */
  async screen(track: MediaStreamTrack | null): Promise<void> {
    this.onScreen = track !== null;
    this.line.send({ type: "media", muted: this.muted, screen: this.onScreen });
    await this.peer.show(track);
  }

  receiveVideo(on: boolean): void {
    this.pictures = on;
    this.line.send({ type: "signal", signal: { type: "receiveVideo", on } });
  }

  /** Says something; it is kept and sent again until the box has written it down. */
  chat(text: string, key: string = crypto.randomUUID()): string {
    this.outgoing = [...this.outgoing.filter((one) => one.key !== key), { key, text, failed: null }];
    this.line.send({ type: "chat", key, text });
    this.on.changed?.();
    return key;
  }

  /** A message that the box has answered with outside of the line; the line tells it as well. */
  took(message: ChatMessage): void {
    this.wrote([message]);
    this.on.changed?.();
  }

  agree(on: boolean): boolean {
    return this.line.send({ type: "agree", on });
  }

  /** The doctor's wish; to ask is to agree. */
  record(on: boolean): boolean {
    return this.line.send({ type: "record", on });
  }

  agreeRecording(on: boolean): boolean {
    return this.line.send({ type: "agreeRecording", on });
  }

  phone(on: boolean): boolean {
    return this.line.send({ type: "phone", on });
  }

  leave(): void {
    this.line.stop("left");
  }

  /** All that was written up to now, also when the room is not open any more. */
  async catchUp(): Promise<void> {
    this.catching ??= this.fetch().finally(() => (this.catching = null));
    await this.catching;
  }

  private applyMute(local: MediaStream): void {
    for (const track of local.getTracks()) track.enabled = !(track.kind === "audio" ? this.muted.audio : this.muted.video);
  }

  private take(message: FromBox): void {
    switch (message.type) {
      case "welcome":
        return this.welcomed(message);
      case "event":
        this.happened(message.event);
        this.on.event?.(message.event);
        return;
      case "signal":
        return void this.peer.take(message.signal);
      case "caption":
        return this.on.caption?.(message.caption);
      case "level":
        return this.on.level?.(message.level);
      case "refused":
        return this.refused(message);
      // Whether a new connection is needed is said by its signals.
      case "call":
        return;
    }
  }

  private welcomed(welcome: Welcome): void {
    this.you = welcome.you;
    (this.calls = welcome.calls), (this.captions = welcome.captions);
    (this.records = welcome.records), (this.recording = welcome.recording);
    this.people = welcome.people;
    this.standing = welcome.consultation;
    this.consent = welcome.consent;
    this.mode = welcome.mode;
    if (welcome.chat > this.messages.length && !welcome.resumed) void this.catchUp().catch((error: unknown) => console.debug("room", error));
    for (const { key, text, failed } of this.outgoing) if (failed === null) this.line.send({ type: "chat", key, text });
    if (this.muted.audio || this.muted.video || this.onScreen) this.line.send({ type: "media", muted: this.muted, screen: this.onScreen });
    if (this.inCall) this.line.send({ type: "call", join: true, video: this.pictures });
    this.introduce();
    this.on.changed?.();
  }

  private happened(event: Happening): void {
    switch (event.kind) {
      case "chat":
        this.wrote([event.message]);
        break;
      case "person": {
        const known = this.people.some((person) => person.id === event.person.id);
        this.people = known ? this.people.map((person) => (person.id === event.person.id ? event.person : person)) : [...this.people, event.person];
        this.introduce();
        break;
      }
      case "left":
        this.people = this.people.filter((person) => person.id !== event.id);
        break;
      case "standing":
        this.standing = event.consultation;
        break;
      case "consent":
        this.consent = event.consent;
        break;
      case "recording":
        this.recording = event.recording;
        break;
      case "mode":
        this.mode = event.mode;
        break;
      case "caption":
        this.on.caption?.(event.caption);
        break;
    }
    this.on.changed?.();
  }

  private refused(refusal: Refusal): void {
    // What waits for a free disk is sent again; what is not fit to be sent is not.
    const fail = (one: Outgoing) => (one.key === refusal.key ? { ...one, failed: refusal.message } : one);
    if (refusal.of === "chat") this.outgoing = this.outgoing.map(fail);
    this.on.refused?.(refusal);
    this.on.changed?.();
  }

  private wrote(messages: ChatMessage[]): void {
    const known = new Map(this.messages.map((message) => [message.no, message]));
    for (const message of messages) known.set(message.no, message);
    this.messages = [...known.values()].sort((one, other) => one.no - other.no);
    const keys = new Set(messages.filter((message) => message.by === this.you).map((message) => message.key));
    this.outgoing = this.outgoing.filter((one) => !keys.has(one.key));
  }

  /** Asks for what is missing: from the first gap on. */
  private async fetch(): Promise<void> {
    const gap = this.messages.findIndex((message, at) => message.no !== at + 1);
    let after = gap === -1 ? this.messages.length : gap;
    for (;;) {
      const { messages, more } = await this.box.history(after);
      this.wrote(messages);
      this.on.changed?.();
      if (!more) return;
      // A page may be without a message that its reader may not see; the next one begins after it all the same.
      after = Math.max(after + PAGE, messages.at(-1)?.no ?? 0);
    }
  }

  /** Streams know numbers of the call; once the room says whose they are, they are told. */
  private introduce(): void {
    for (const [number, stream] of this.streams) {
      const person = this.people.find((one) => one.peer === number);
      if (person === undefined || this.told.get(number) === person.id) continue;
      this.told.set(number, person.id);
      this.on.stream?.(person.id, stream);
    }
  }
}
