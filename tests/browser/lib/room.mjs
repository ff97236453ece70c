// A consultation with its doctor and its patient, each in a Chromium of their own with a made-up camera and microphone, on the
// real box. The pages run the product's own room client (web-ui/src/room) and nothing else of the screens.
import { createRequire } from "node:module";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { Box, OWNER } from "./box.mjs";
import { clip, until, wav } from "./calls.mjs";
import { signIn } from "./steps.mjs";
import { Visitor } from "./visitor.mjs";

const web = fileURLToPath(new URL("../../../web-ui/", import.meta.url));

/** The room client as one script; what it throws has no sentences, which are the screens'. */
async function client() {
  const { rolldown } = await import(pathToFileURL(createRequire(join(web, "package.json")).resolve("rolldown")).href);
  const errors = {
    name: "errors",
    resolveId: (id) => (id === "../api/error" ? "\0errors" : null),
    load: (id) => (id === "\0errors" ? "export class BoxLost extends Error {}\nexport class Refused extends Error { constructor(status) { super(String(status)); this.status = status; } }\n" : null),
  };
  const entry = { name: "entry", resolveId: (id) => (id === "entry" ? "\0entry" : null), load: (id) => (id === "\0entry" ? `export { Room } from ${JSON.stringify(join(web, "src/room/room.ts"))}; export { Refused } from "../api/error";` : null) };
  const bundle = await rolldown({ input: "entry", plugins: [entry, errors], platform: "browser" });
  const { output } = await bundle.generate({ format: "iife", name: "Kit" });
  return output[0].code;
}

/** What runs in the page: joins, and notes what it is told. */
function inPage({ id, portal }) {
  const asked = async (method, path, body) => {
    const headers = { "content-type": "application/json", "x-clinicvault": "1" };
    const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Kit.Refused(answer.status);
    return answer.json();
  };
  const base = `/api/${portal ? "portal/" : ""}consultations/${id}`;
  const sockets = [];
  const device = crypto.randomUUID();
  const seen = (window.seen = { states: [], streams: {}, events: [], refused: [] });
  const box = {
    ticket: async () => (await asked("POST", `${base}/ticket`, { device })).ticket,
    history: (after) => asked("GET", `${base}/chat?after=${after}`),
    open: () => sockets[sockets.push(new WebSocket(`ws://${location.host}/api/room`)) - 1],
  };
  window.cut = () => sockets.at(-1).close();
  const pcs = (window.pcs = []);
  const make = (config) => pcs[pcs.push(new RTCPeerConnection(config)) - 1];
  window.room = new Kit.Room(id, device, box, {
    state: (state, why) => seen.states.push(why ?? state),
    event: (event) => seen.events.push(event),
    refused: (refusal) => seen.refused.push(refusal),
    stream: (person, stream) => {
      const of = (seen.streams[person] ??= {});
      const play = (kind) => Object.assign(document.createElement(kind), { muted: true, autoplay: true, srcObject: stream });
      of.video ??= document.body.appendChild(play("video"));
      of.video.srcObject = stream;
      // After a new connection the sound comes by another track, which the old meter does not hear.
      const [sound] = stream.getAudioTracks();
      if (sound && of.sound !== sound) {
        of.player?.remove();
        of.player = play("audio");
        of.player.play();
        of.sound = sound;
        of.meter = window.sound.createAnalyser();
        window.sound.createMediaStreamSource(new MediaStream([sound])).connect(of.meter);
      }
    },
    gone: (person) => delete seen.streams[person],
  }, make);
  window.sound = new AudioContext();
  window.room.start();
  window.meet = async () => {
    const media = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false }, video: { width: 320, height: 240, frameRate: 15 } });
    await window.room.call(media);
  };
  // Pictures shown of somebody, and how loud he was for half a second.
  window.look = async (person) => {
    const of = seen.streams[person];
    if (!of?.meter) return { frames: 0, level: 0 };
    const samples = new Float32Array(2048);
    let level = 0;
    for (const end = performance.now() + 500; performance.now() < end; ) {
      of.meter.getFloatTimeDomainData(samples);
      level = Math.max(level, Math.sqrt(samples.reduce((sum, s) => sum + s * s, 0) / samples.length));
      await new Promise((done) => setTimeout(done, 40));
    }
    return { frames: of.video.getVideoPlaybackQuality().totalVideoFrames, level };
  };
}

/** Sends a request of the page's own. */
export function ask(page, method, path, body) {
  return page.evaluate(async ([method, path, body]) => {
    const headers = { "content-type": "application/json", "x-clinicvault": "1" };
    const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  }, [method, path, body]);
}

/** Doctor and patient of a consultation that goes on, each in the room; and what is needed to go on. */
export async function consultation(walk, settings = {}) {
  const script = await client();
  const folder = mkdtempSync(join(tmpdir(), "clinicvault-room-"));
  const box = new Box({ CLINICVAULT_CALLS_ADDRESSES: '["127.0.0.1"]', ...settings }).init();
  const browsers = [];
  const chromiumOf = async (pitch) => {
    const file = join(folder, `${pitch}.wav`);
    writeFileSync(file, wav(clip(pitch)));
    const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", `--use-file-for-fake-audio-capture=${file}`];
    browsers.push(await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args }));
    return browsers.at(-1);
  };
  try {
    const meera = box.staff("meera", "Dr Meera Rao", "doctor");
    const sanjana = box.staff("sanjana", "Sanjana", "reception");
    await box.start();
    const one = await chromiumOf(150);
    const visit = async (browser, who) => {
      const visitor = await Visitor.arrive(browser, box);
      if (who) await signIn(visitor, who);
      if (who) await visitor.page.locator(".who").first().waitFor();
      return visitor.page;
    };
    const owner = await visit(one, { ...OWNER });
    const { users } = await ask(owner, "GET", "/api/users");
    const account = users.find((user) => user.username === "meera").id;
    await ask(owner, "PUT", `/api/presence/${account}/profile`, { specialties: ["general"], languages: ["hi", "en"] });
    await owner.context().close();
    const doctor = await visit(one, meera);
    await ask(doctor, "POST", "/api/presence/me", { state: "ONLINE" });
    const desk = await visit(one, sanjana);
    const form = { name: "Sunita Gaikwad", birth: { ageYears: 41 }, sex: "F", phone: "7000045518", noPhone: false, village: "Hadapsar", decisions: [], key: "room-walk-form" };
    const patient = await ask(desk, "POST", "/api/patients", form);
    const wish = { patientId: patient.id, complaint: "Cough", specialty: "general", language: "en", urgency: "routine", mode: "video", key: "room-walk-ask" };
    const { id } = await ask(desk, "POST", "/api/consultations", wish);
    const { token } = await ask(desk, "POST", `/api/patients/${patient.id}/join-link`, {});
    await ask(desk, "POST", `/api/consultations/${id}/identity`, { expected: "WAITING", how: "known" });
    await ask(desk, "POST", `/api/consultations/${id}/consent`, { expected: "WAITING", form: "voice" });
    await desk.context().close();
    const sunita = await visit(await chromiumOf(230));
    await ask(sunita, "POST", "/api/join", { token, birthYear: Number(patient.birthDate.slice(0, 4)) });
    await ask(doctor, "POST", `/api/consultations/${id}/start`, { expected: "WAITING" });
    const people = [
      { page: doctor, id: account, portal: false },
      { page: sunita, id: patient.id, portal: true },
    ];
    for (const { page, portal } of people) {
      await page.evaluate(`${script};window.Kit = Kit;`);
      await page.evaluate(inPage, { id, portal });
      await until("in the room", () => page.evaluate(() => window.seen.states.includes("in")));
    }
    await walk({ box, id, doctor: people[0], patient: people[1] });
  } finally {
    for (const browser of browsers) await browser.close();
    await box.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Waits until each sees pictures of the other move and hears the other. */
export async function meet(one, other) {
  for (const [me, you] of [[one, other], [other, one]]) {
    let before = 0;
    await until("pictures move and sound is loud", async () => {
      const { frames, level } = await me.page.evaluate((id) => window.look(id), you.id);
      const moves = frames > before && before > 0;
      before = frames;
      return moves && level > 0.02;
    });
  }
}
