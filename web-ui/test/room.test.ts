import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BoxLost, Refused } from "../src/api/error";
import { Line, type LineState } from "../src/room/line";
import { Peer } from "../src/room/peer";
import type { ChatMessage, FromBox, Happening, Person, ToBox, Welcome } from "../src/room/protocol";
import { Room } from "../src/room/room";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** The box's end of one socket. */
class Socket {
  sent: (ToBox | { type: "hello"; ticket: string; epoch?: string; seen?: number })[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.end(1005);
  }
  say(message: FromBox): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  end(code: number): void {
    const told = this.onclose;
    this.onclose = null;
    told?.({ code });
  }
}

/** A box whose sockets a test holds. */
function box(history: ChatMessage[] = []) {
  const sockets: Socket[] = [];
  const refusals: unknown[] = [];
  return {
    sockets,
    refusals,
    asked: 0,
    async ticket() {
      this.asked += 1;
      const refusal = refusals.shift();
      if (refusal !== undefined) throw refusal;
      return `ticket-${this.asked}`;
    },
    open() {
      const socket = new Socket();
      sockets.push(socket);
      queueMicrotask(() => socket.onopen?.());
      return socket as unknown as WebSocket;
    },
    async history(after: number) {
      const page = history.filter((message) => message.no > after).slice(0, 100);
      return { messages: page, more: (page.at(-1)?.no ?? 0) < (history.at(-1)?.no ?? 0) };
    },
  };
}
const soon = () => vi.advanceTimersByTimeAsync(0);

const person = (id: string, more: Partial<Person> = {}): Person => ({
  ...{ id, name: id, part: "doctor", here: true, peer: null, up: false, muted: { audio: false, video: false }, screen: false, agrees: false, agreesRecording: false },
  ...more,
});
const welcome = (more: Partial<Welcome> = {}): Welcome => ({
  ...{ type: "welcome", v: 1, you: "sunita", epoch: "e1", n: 10, resumed: false, people: [person("sunita")], consent: { open: false, missing: [] } },
  ...{ mode: null, chat: 0, calls: true, captions: false, records: false, recording: { asked: false, open: false, missing: [] }, consultation: {} as Welcome["consultation"] },
  ...more,
});
const event = (n: number, event: Happening): FromBox => ({ type: "event", n, at: "", event });
const said = (no: number, by = "meera", key = `key-${no}`): ChatMessage => ({ no, by, name: by, part: "doctor", text: `text ${no}`, at: "", key });

/** A line, with what it told. */
function line(of = box()) {
  const heard: FromBox[] = [];
  const states: string[] = [];
  const made = new Line("c1", "d1", of, { message: (message) => heard.push(message), state: (state: LineState, why) => states.push(why === null ? state : `${state} ${why}`) });
  made.start();
  return { of, line: made, heard, states };
}

test("a line that is lost comes back with a new ticket and resumes after the last event", async () => {
  const { of, heard, states } = line();
  await soon();
  expect(of.sockets[0]?.sent).toEqual([{ type: "hello", v: 1, consultation: "c1", ticket: "ticket-1", device: "d1" }]);
  of.sockets[0]?.say(welcome());
  of.sockets[0]?.say(event(11, { kind: "mode", mode: "chat" }));
  of.sockets[0]?.end(1006);
  await vi.advanceTimersByTimeAsync(700);
  expect(of.sockets[1]?.sent[0]).toMatchObject({ ticket: "ticket-2", epoch: "e1", seen: 11 });
  of.sockets[1]?.say(welcome({ n: 13, resumed: true }));
  // Told once more what was seen: it is not told on.
  for (const n of [11, 12, 13]) of.sockets[1]?.say(event(n, { kind: "mode", mode: "chat" }));
  expect(heard.flatMap((message) => (message.type === "event" ? [message.n] : []))).toEqual([11, 12, 13]);
  expect(states).toEqual(["in", "waiting", "in"]);
});

test("pauses grow, and the network's return ends them", async () => {
  const of = box();
  for (let n = 0; n < 20; n++) of.refusals.push(new BoxLost("no answer"));
  const { line: made, states } = line(of);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(states).toEqual(["waiting"]);
  expect(of.asked).toBeGreaterThan(6);
  expect(of.asked).toBeLessThan(14);
  const before = of.asked;
  of.refusals.length = 0;
  made.hurry();
  await soon();
  expect([of.asked, of.sockets.length]).toEqual([before + 1, 1]);
});

test.each([
  [4403, "out out"],
  [4409, "out replaced"],
  [4410, "out over"],
  [4400, "out protocol"],
])("code %i is the end: %s", async (code, told) => {
  const { of, states } = line();
  await soon();
  of.sockets[0]?.say(welcome());
  of.sockets[0]?.end(code);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([states.at(-1), of.sockets.length]).toEqual([told, 1]);
});

test("a ticket that was refused is asked for once more, two in a row are the session's end", async () => {
  const { of, states } = line();
  await soon();
  of.sockets[0]?.end(4401);
  await vi.advanceTimersByTimeAsync(700);
  expect(of.sockets.length).toBe(2);
  of.sockets[1]?.end(4401);
  expect(states.at(-1)).toBe("out session");
});

test.each([
  [401, "out session"],
  [403, "out out"],
  [404, "out out"],
  [409, "out over"],
])("a ticket refused with %i: %s", async (status, told) => {
  const of = box();
  of.refusals.push(new Refused(status, "x", ""));
  const { states } = line(of);
  await soon();
  expect(states).toEqual([told]);
});

test("who leaves says so and does not come back", async () => {
  const { of, line: made, states } = line();
  await soon();
  of.sockets[0]?.say(welcome());
  made.stop("left");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(of.sockets[0]?.sent.at(-1)).toEqual({ type: "leave" });
  expect([states.at(-1), of.sockets.length, made.send({ type: "agree", on: true })]).toEqual(["out left", 1, false]);
});

/** A room in which the box has said welcome. */
async function room(first: Partial<Welcome> = {}, history: ChatMessage[] = []) {
  const of = box(history);
  const told: string[] = [];
  const on = { stream: (id: string, stream: MediaStream) => told.push(`${id} ${stream.id}`), gone: (id: string) => told.push(`${id} gone`) };
  const pcs: FakePc[] = [];
  const made = new Room("c1", "d1", of, on, () => {
    pcs.push(new FakePc());
    return pcs.at(-1) as unknown as RTCPeerConnection;
  });
  made.start();
  await soon();
  of.sockets[0]?.say(welcome(first));
  await soon();
  return { of, room: made, told, pcs, socket: of.sockets[0] as Socket };
}

test("what was written before is fetched, what is written now is told, each stands once and in order", async () => {
  const history = Array.from({ length: 250 }, (_, at) => said(at + 1));
  const { room: made, socket } = await room({ chat: 250 }, history);
  socket.say(event(11, { kind: "chat", message: said(251) }));
  socket.say(event(12, { kind: "chat", message: said(250) }));
  expect(made.messages.map((message) => message.no)).toEqual(Array.from({ length: 251 }, (_, at) => at + 1));
});

test("what is said is sent again after a cut until it is written down", async () => {
  const { of, room: made, socket } = await room();
  const key = made.chat("Khansi");
  expect(socket.sent.at(-1)).toEqual({ type: "chat", key, text: "Khansi" });
  socket.end(1006);
  made.chat("Bukhar", "key-2");
  await vi.advanceTimersByTimeAsync(700);
  const again = of.sockets[1] as Socket;
  again.say(welcome({ resumed: true, n: 11 }));
  expect(again.sent.filter((message) => message.type === "chat")).toEqual([
    { type: "chat", key, text: "Khansi" },
    { type: "chat", key: "key-2", text: "Bukhar" },
  ]);
  again.say(event(11, { kind: "chat", message: said(1, "sunita", key) }));
  again.say({ type: "refused", of: "chat", key: "key-2", code: "unfit", message: "no" });
  expect(made.outgoing).toEqual([{ key: "key-2", text: "Bukhar", failed: "no" }]);
  // Another person's message with the same key is another message.
  again.say(event(12, { kind: "chat", message: said(2, "meera", "key-2") }));
  expect(made.outgoing.length).toBe(1);
});

test("people come, change and go", async () => {
  const { room: made, socket } = await room();
  socket.say(event(11, { kind: "person", person: person("meera") }));
  socket.say(event(12, { kind: "person", person: person("meera", { here: false }) }));
  expect(made.people.map(({ id, here }) => [id, here])).toEqual([
    ["sunita", true],
    ["meera", false],
  ]);
  socket.say(event(13, { kind: "left", id: "meera", why: "lost" }));
  expect(made.people.map(({ id }) => id)).toEqual(["sunita"]);
});

/** As much of an RTCPeerConnection as the client touches. */
class FakePc {
  calls: string[] = [];
  remoteDescription: unknown = null;
  localDescription: { sdp: string } | null = null;
  connectionState = "new";
  onconnectionstatechange: (() => void) | null = null;
  ontrack: ((event: unknown) => void) | null = null;
  transceivers = ["audio", "video"].map((kind) => {
    const sender = { track: null as unknown, replaceTrack: async (track: { id: string } | null) => void ((sender.track = track), this.calls.push(`send ${track?.id}`)) };
    return { receiver: { track: { kind } }, sender, direction: "inactive" };
  });
  getTransceivers = () => this.transceivers;
  setRemoteDescription = async (description: { sdp: string }) => void ((this.remoteDescription = description), this.calls.push(`remote ${description.sdp}`));
  createAnswer = async () => ({ sdp: "answer" });
  setLocalDescription = async (description: { sdp: string }) => void (this.localDescription = description);
  addIceCandidate = async (candidate: { candidate: string }) => void this.calls.push(`candidate ${candidate.candidate}`);
  close = () => void this.calls.push("close");
}
const track = (kind: string, id: string) => ({ kind, id, enabled: true });
const media = (...tracks: unknown[]) => ({ getTracks: () => tracks }) as unknown as MediaStream;
const remote = (id: string) => ({ id, getTracks: () => [], onremovetrack: null as (() => void) | null });

test("the box offers, the browser answers in turn, and streams find their people", async () => {
  const { told, pcs, socket, room: made } = await room();
  await made.call(media(track("audio", "mic"), track("video", "cam")));
  expect(socket.sent.at(-1)).toEqual({ type: "call", join: true, video: true });
  const signal = (signal: unknown) => socket.say({ type: "signal", signal } as FromBox);
  signal({ type: "welcome", you: 1, iceServers: [] });
  signal({ type: "offer", n: 1, sdp: "offer 1" });
  signal({ type: "candidate", candidate: { candidate: "a" } });
  await soon();
  const pc = pcs[0] as FakePc;
  expect(pc.calls).toEqual(["remote offer 1", "send mic", "send cam", "candidate a"]);
  expect(pc.transceivers.map((one) => one.direction)).toEqual(["sendonly", "sendonly"]);
  expect(socket.sent.at(-1)).toEqual({ type: "signal", signal: { type: "answer", n: 1, sdp: "answer" } });
  // A stream may be there before the room has said whose it is.
  const stream = remote("p2");
  pc.ontrack?.({ streams: [stream] });
  expect(told).toEqual([]);
  socket.say(event(11, { kind: "person", person: person("meera", { peer: 2 }) }));
  expect(told).toEqual(["meera p2"]);
  await made.screen({ kind: "video", id: "screen" } as MediaStreamTrack);
  expect(pc.calls.at(-1)).toBe("send screen");
  expect(socket.sent.at(-1)).toMatchObject({ type: "media", screen: true });
  stream.onremovetrack?.();
  expect(told.at(-1)).toBe("meera gone");
});

test("a broken connection asks for another way, and a new line comes into the call again", async () => {
  const { of, pcs, socket, room: made } = await room();
  await made.call(media(track("audio", "mic")));
  socket.say({ type: "signal", signal: { type: "welcome", you: 1, iceServers: [] } });
  await soon();
  const pc = pcs[0] as FakePc;
  pc.connectionState = "disconnected";
  pc.onconnectionstatechange?.();
  expect(socket.sent.at(-1)?.type).toBe("call");
  await vi.advanceTimersByTimeAsync(3_000);
  expect(socket.sent.at(-1)).toEqual({ type: "signal", signal: { type: "restart" } });
  socket.end(4408);
  await vi.advanceTimersByTimeAsync(700);
  of.sockets[1]?.say(welcome({ resumed: true }));
  expect(of.sockets[1]?.sent.at(-1)).toEqual({ type: "call", join: true, video: true });
  // The same connection goes on unless the box begins anew.
  expect(pcs.length).toBe(1);
  of.sockets[1]?.say({ type: "signal", signal: { type: "welcome", you: 2, iceServers: [] } });
  await soon();
  expect([pcs.length, pc.calls.at(-1)]).toEqual([2, "close"]);
});

test("signals that make no sense are left out and the next are taken", async () => {
  const says: unknown[] = [];
  const pc = new FakePc();
  pc.addIceCandidate = () => Promise.reject(new Error("bad"));
  const on = { say: (signal: unknown) => says.push(signal), stream: () => {}, gone: () => {}, quality: () => {}, advised: () => {} };
  const peer = new Peer(on, () => pc as unknown as RTCPeerConnection);
  await peer.take({ type: "welcome", you: 1, iceServers: [] });
  await peer.take({ type: "candidate", candidate: {} });
  await peer.take({ type: "offer", n: 7, sdp: "o" });
  expect(says).toEqual([{ type: "answer", n: 7, sdp: "answer" }]);
});
