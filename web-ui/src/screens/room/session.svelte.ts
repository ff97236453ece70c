// One stay in a room, as the screen needs it: what the client of the room tells becomes state, what the person does goes to the
// client. Owns this device's microphone, camera and screen; leaves the socket and the connections to `room/`.
import { sendFile } from "../../api/box";
import { joinRoom, type Caption, type ChatMessage, type Heard, type LineState, type Meter, type Mode, type Out, type Outgoing, type Person, type Recorded, type Refusal, type Room, type Standing } from "../../room";
import { withCaption } from "./captions";
import { keep, kept, open, type Choice } from "./devices";
import { Uploads } from "./uploads.svelte";

export class Stay {
  phase = $state<LineState>("connecting");
  /** Why it is over. */
  why = $state<Out | null>(null);
  you = $state("");
  people = $state.raw<readonly Person[]>([]);
  standing = $state.raw<Standing | null>(null);
  consent = $state.raw<Heard | null>(null);
  mode = $state<Mode | null>(null);
  messages = $state.raw<readonly ChatMessage[]>([]);
  outgoing = $state.raw<readonly Outgoing[]>([]);
  calls = $state(false);
  hears = $state(false);
  records = $state(false);
  recording = $state.raw<Recorded | null>(null);
  captions = $state.raw<Caption[]>([]);
  level = $state("all");
  streams = $state.raw<ReadonlyMap<string, MediaStream>>(new Map());
  meters = $state.raw<ReadonlyMap<string, Meter>>(new Map());
  /** The line carries sound only: the person is asked. */
  advised = $state(false);
  refused = $state.raw<Refusal | null>(null);

  local = $state.raw<MediaStream | null>(null);
  inCall = $state(false);
  audioOff = $state(false);
  videoOff = $state(false);
  /** The other pictures are not wanted: sound only. */
  soundOnly = $state(false);
  shared = $state.raw<MediaStreamTrack | null>(null);
  device = $state.raw<unknown>(null);
  busy = $state(false);
  choice = $state.raw<Choice>(kept());
  self = $derived(this.people.find((one) => one.id === this.you) ?? null);

  /** Files on their way. */
  readonly uploads: Uploads;

  private room: Room;

  constructor(
    readonly consultation: string,
    readonly portal: boolean,
  ) {
    this.uploads = new Uploads(
      (one, sent) => sendFile(consultation, portal, one, sent),
      (message) => this.room.took(message),
    );
    this.room = joinRoom({
      consultation,
      portal,
      on: {
        changed: () => this.look(),
        caption: (caption) => (this.captions = withCaption(this.captions, caption)),
        level: (level) => (this.level = level),
        refused: (refusal) => (this.refused = refusal),
        state: (state, why) => {
          this.phase = state;
          this.why = why;
          if (state === "out") this.stop();
        },
        stream: (person, stream) => (this.streams = new Map(this.streams).set(person, stream)),
        gone: (person) => {
          const left = new Map(this.streams);
          left.delete(person);
          this.streams = left;
        },
        quality: (meters) => (this.meters = new Map(meters.map(({ person, meter }) => [person, meter]))),
        advised: () => (this.advised = !this.soundOnly),
      },
    });
  }

  private look(): void {
    const { room } = this;
    this.you = room.you;
    this.people = room.people;
    this.standing = room.standing;
    this.consent = room.consent;
    this.mode = room.mode;
    this.messages = room.messages;
    this.outgoing = room.outgoing;
    this.calls = room.calls;
    this.hears = room.captions;
    this.records = room.records;
    this.recording = room.recording;
  }

  /** Opens microphone and camera and goes into the call; in the call, takes other ones. */
  async call(video: boolean): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.device = null;
    try {
      const { stream, without } = await open(this.choice, video);
      const before = this.local;
      this.local = stream;
      this.videoOff = !video || without;
      this.tell();
      if (this.inCall) await this.room.devices(stream);
      else {
        await this.room.call(stream, !this.soundOnly);
        this.inCall = true;
      }
      end(before);
    } catch (problem) {
      this.device = problem;
    } finally {
      this.busy = false;
    }
  }

  /** Another microphone or camera from now on. */
  async choose(choice: Choice): Promise<void> {
    this.choice = choice;
    keep(choice);
    if (this.inCall) await this.call(!this.videoOff);
  }

  mute(): void {
    this.audioOff = !this.audioOff;
    this.tell();
  }

  /** Off means that the camera's light goes out too. */
  async camera(): Promise<void> {
    if (this.videoOff) return this.call(true);
    this.videoOff = true;
    this.tell();
    for (const track of this.local?.getVideoTracks() ?? []) track.stop();
  }

  /** Sound only: no picture goes out, none comes in. */
  only(sound: boolean): void {
    this.soundOnly = sound;
    this.advised = false;
    this.room.receiveVideo(!sound);
    if (sound && !this.videoOff) void this.camera();
  }

  /** Shows the screen instead of the camera, until the person or the browser ends it. */
  async share(): Promise<void> {
    if (this.shared) return this.unshare();
    try {
      const [track] = (await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 10 } }, audio: false })).getVideoTracks();
      if (!track) return;
      track.addEventListener("ended", () => this.unshare());
      this.shared = track;
      await this.room.screen(track);
    } catch (problem) {
      // Closing the browser's own question is no fault.
      if (!(problem instanceof DOMException && problem.name === "NotAllowedError")) this.device = problem;
    }
  }

  private unshare(): void {
    this.shared?.stop();
    this.shared = null;
    void this.room.screen(null);
    this.tell();
  }

  private tell(): void {
    this.room.mute({ audio: this.audioOff, video: this.videoOff && !this.shared }, this.local ?? undefined);
  }

  say(text: string, key?: string): void {
    this.refused = null;
    this.room.chat(text, key);
  }

  agree(on: boolean): void {
    this.room.agree(on);
  }

  record(on: boolean): void {
    this.refused = null;
    this.room.record(on);
  }

  agreeRecording(on: boolean): void {
    this.refused = null;
    this.room.agreeRecording(on);
  }

  phone(on: boolean): void {
    this.room.phone(on);
  }


  private stop(): void {
    this.inCall = false;
    this.shared?.stop();
    this.shared = null;
    end(this.local);
    this.local = null;
    this.streams = new Map();
  }

  leave(): void {
    this.room.leave();
    this.stop();
  }
}

function end(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
