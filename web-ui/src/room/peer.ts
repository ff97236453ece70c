// The browser's side of the call: one RTCPeerConnection to the box, which makes every offer. Owns the tracks that are sent and
// the streams that come; whose they are is the room's matter.
import type { Cap, Meter, Signal } from "./protocol";

interface On {
  say(signal: Record<string, unknown>): void;
  /** Sound or picture of a participant of the call is there. */
  stream(peer: number, stream: MediaStream): void;
  gone(peer: number): void;
  quality(meters: Meter[]): void;
  advised(): void;
}

/** A connection may recover by itself; after this long it is asked for another way. */
const BROKEN_MS = 3_000;

export class Peer {
  private pc: RTCPeerConnection | null = null;
  private local: MediaStream | null = null;
  private shown: MediaStreamTrack | null = null;
  private last: Promise<void> = Promise.resolve();
  private broken: ReturnType<typeof setTimeout> | undefined;
  private readonly streams = new Map<number, MediaStream>();

  constructor(
    private readonly on: On,
    private readonly make: (config: RTCConfiguration) => RTCPeerConnection = (config) => new RTCPeerConnection(config),
  ) {}

  /** What is sent from now on. */
  async send(local: MediaStream): Promise<void> {
    this.local = local;
    await this.put();
  }

  /** The picture is this track, such as the screen; null for the camera. */
  async show(track: MediaStreamTrack | null): Promise<void> {
    this.shown = track;
    await this.put();
  }

  /** One signal after the other, in the order in which they came. */
  take(signal: Signal): Promise<void> {
    this.last = this.last.then(() => this.one(signal)).catch((error: unknown) => console.debug("call", error));
    return this.last;
  }

  close(): void {
    clearTimeout(this.broken);
    this.pc?.close();
    this.pc = null;
    for (const peer of [...this.streams.keys()]) this.forget(peer);
  }

  private async one(signal: Signal): Promise<void> {
    switch (signal.type) {
      case "welcome":
        return this.begin(signal.iceServers);
      case "offer":
        return this.answer(signal.n, signal.sdp);
      case "candidate":
        return this.pc?.addIceCandidate(signal.candidate);
      case "cap":
        return this.cap(signal.cap);
      case "quality":
        return this.on.quality(signal.meters);
      case "audioOnlyAdvised":
        return this.on.advised();
      case "ended":
        return this.close();
      // Who is in, and with what, is told by the room.
      case "joined":
      case "left":
      case "muted":
        return;
    }
  }

  private begin(iceServers: RTCIceServer[]): void {
    this.close();
    const pc = this.make({ iceServers });
    this.pc = pc;
    pc.onicecandidate = ({ candidate }) => candidate !== null && this.on.say({ type: "candidate", candidate: candidate.toJSON() });
    pc.onconnectionstatechange = () => {
      if (this.pc === pc) this.stands(pc.connectionState);
    };
    pc.ontrack = ({ streams: [stream] }) => {
      const peer = Number(/^p(\d+)$/.exec(stream?.id ?? "")?.[1]);
      if (stream === undefined || !Number.isInteger(peer)) return;
      this.streams.set(peer, stream);
      stream.onremovetrack = () => stream.getTracks().length === 0 && this.streams.get(peer) === stream && this.forget(peer);
      this.on.stream(peer, stream);
    };
  }

  private stands(state: RTCPeerConnectionState): void {
    clearTimeout(this.broken);
    if (state === "failed") this.on.say({ type: "restart" });
    if (state === "disconnected") this.broken = setTimeout(() => this.on.say({ type: "restart" }), BROKEN_MS);
  }

  private forget(peer: number): void {
    this.streams.delete(peer);
    this.on.gone(peer);
  }

  private async answer(n: number, sdp: string): Promise<void> {
    const pc = this.pc;
    if (pc === null) return;
    const first = pc.remoteDescription === null;
    await pc.setRemoteDescription({ type: "offer", sdp });
    if (first) {
      // The box offers a place for sound and one for pictures, in this order; the rest is what it sends.
      for (const transceiver of pc.getTransceivers().slice(0, 2)) transceiver.direction = "sendonly";
      await this.put();
    }
    await pc.setLocalDescription(await pc.createAnswer());
    this.on.say({ type: "answer", n, sdp: pc.localDescription?.sdp ?? "" });
  }

  private async put(): Promise<void> {
    const pc = this.pc;
    if (pc === null || pc.remoteDescription === null) return;
    for (const transceiver of pc.getTransceivers().slice(0, 2)) {
      const kind = transceiver.receiver.track.kind;
      const own = this.local?.getTracks().find((track) => track.kind === kind) ?? null;
      await transceiver.sender.replaceTrack(kind === "video" ? (this.shown ?? own) : own);
    }
  }

  private async cap(cap: Cap): Promise<void> {
    for (const sender of this.pc?.getSenders() ?? []) {
      if (sender.track === null) continue;
      const bps = sender.track.kind === "audio" ? cap.audioBps : cap.videoBps;
      const settings = sender.getParameters();
      for (const encoding of settings.encodings) Object.assign(encoding, bps > 0 ? { maxBitrate: bps, active: true } : { active: false });
      await sender.setParameters(settings);
    }
  }
}
