// A call is recorded: off unless the clinic allows it, asked of everybody apart from captions, marked while it runs, ended by whoever
// takes it back; the doctor plays it afterwards, the patient sees that it is there, the owner deletes it. A box whose plug is
// pulled loses a second, not the recording.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { Box } from "../lib/box.mjs";
import { until } from "../lib/calls.mjs";
import { asked, consultation } from "../lib/consultation.mjs";
import { signIn } from "../lib/steps.mjs";
import { PHONE, Visitor } from "../lib/visitor.mjs";

const FAKE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"];
const SECONDS = 10;

const blobs = (box) => (existsSync(join(box.data, "blobs")) ? readdirSync(join(box.data, "blobs")).length : 0);
const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

async function inCall(settings, walk) {
  const box = await new Box({ CLINICVAULT_CALLS_ADDRESSES: '["127.0.0.1"]', ...settings }).init().start();
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", ...FAKE] });
  try {
    const people = await consultation(browser, box);
    const { doctor, farida, token, one } = people;
    const patient = await Visitor.arrive(browser, box, { lang: "hi", size: PHONE });
    await patient.page.goto(`/join#${token}`);
    await patient.field("portal.join.year").fill(farida.birthDate.slice(0, 4));
    await patient.press("portal.join.do");
    await patient.press("portal.callNow");
    await patient.press("room.goVideo");
    await doctor.page.goto(`/consultations/${one.id}`);
    await doctor.press("consult.act.start");
    await doctor.press("room.goVideo");
    for (const each of [doctor, patient]) await each.page.locator("[data-testid=tile] video").first().waitFor();
    await walk({ box, browser, patient, ...people });
  } finally {
    await browser.close();
    await box.stop();
  }
}

const marked = (at) => at.page.getByTestId("recording");

/** The doctor asks, the patient agrees, both see the mark. */
async function begin({ box, doctor, patient }) {
  if (blobs(box) !== 0) throw new Error("something was kept before anybody was asked");
  await doctor.page.getByTestId("record").click();
  await patient.sees("room.record.title");
  await doctor.page.getByTestId("recording-waits").waitFor();
  await sleep(2);
  if (blobs(box) !== 0) throw new Error("something was kept before the patient agreed");
  await patient.look("recording-asked-hi");
  await patient.press("room.record.yes");
  for (const each of [doctor, patient]) await marked(each).waitFor();
}

/** Plays a file in the doctor's page for two seconds: how long it is, how large its picture, how loud. */
function played(page, path) {
  return page.evaluate(async (path) => {
    const video = Object.assign(document.createElement("video"), { src: path, preload: "auto" });
    document.body.appendChild(video);
    const failed = new Promise((_, no) => video.addEventListener("error", () => no(new Error(`${path}: ${video.error?.message}`))));
    await Promise.race([new Promise((yes) => video.addEventListener("loadedmetadata", yes)), failed]);
    const sound = new AudioContext();
    const meter = sound.createAnalyser();
    const source = sound.createMediaElementSource(video);
    source.connect(meter);
    meter.connect(sound.destination);
    await Promise.race([video.play(), failed]);
    const samples = new Float32Array(2048);
    let level = 0;
    for (const end = performance.now() + 4000; performance.now() < end; ) {
      meter.getFloatTimeDomainData(samples);
      level = Math.max(level, Math.sqrt(samples.reduce((sum, s) => sum + s * s, 0) / samples.length));
      await new Promise((done) => setTimeout(done, 40));
    }
    const { duration, videoWidth, currentTime } = video;
    const { totalVideoFrames: frames } = video.getVideoPlaybackQuality();
    // A jump near the end shows that places can be found.
    video.currentTime = Math.max(0, duration - 1);
    await Promise.race([new Promise((yes) => video.addEventListener("seeked", yes)), failed]);
    video.remove();
    await sound.close();
    return { duration, videoWidth, currentTime, frames, level };
  }, path);
}

async function list(at, id) {
  return (await asked(at, "GET", `/api/consultations/${id}/recordings`)).recordings;
}

async function closed(at, id) {
  return until("the recordings are closed", async () => {
    const all = await list(at, id);
    return all.length > 0 && all.every((one) => one.state !== "growing") ? all : null;
  });
}

async function plays(doctor, id, one, least) {
  const seen = await played(doctor.page, `/api/consultations/${id}/recordings/${one.id}`);
  console.log(`     ${one.person.name}: ${seen.duration.toFixed(1)} s, ${seen.videoWidth} px, ${seen.frames} pictures, sound ${seen.level.toFixed(3)}, ${(one.bytes / 1024).toFixed(0)} KiB, ${one.lost} packets lost`);
  const good = seen.duration > least && seen.videoWidth > 0 && seen.frames > 10 && seen.currentTime > 1 && seen.level > 0.01;
  if (!good) throw new Error(`it does not play: ${JSON.stringify({ seen, one })}`);
}

async function recorded() {
  await inCall({ CLINICVAULT_CALLS_RECORDING: "true" }, async (all) => {
    const { box, browser, doctor, patient, one } = all;
    await begin(all);
    await doctor.look("recording");
    await patient.look("recording-patient-hi");
    await sleep(SECONDS);
    if (blobs(box) < 2) throw new Error("nothing is kept");
    // Whoever takes it back stops it; the mark goes for both.
    await patient.press("room.record.withdraw");
    for (const each of [doctor, patient]) await marked(each).waitFor({ state: "detached" });
    const first = await closed(doctor, one.id);
    const size = blobs(box);
    await sleep(2);
    if (blobs(box) !== size) throw new Error("it goes on after it was taken back");
    await doctor.press("consult.act.complete");
    for (const file of first.filter((file) => file.pictures)) await plays(doctor, one.id, file, SECONDS - 5);
    if (new Set(first.map((file) => file.person.id)).size !== 2) throw new Error("not both are recorded");

    // The doctor's screen plays both together.
    await doctor.page.getByTestId("recordings").waitFor();
    await doctor.press("recordings.play");
    await until("both play", () => doctor.page.evaluate(() => {
      const videos = [...document.querySelectorAll("[data-testid=recordings] figure:not(.off) video")];
      return videos.length === 2 && videos.every((video) => video.currentTime > 1 && !video.paused);
    }));
    const apart = await doctor.page.evaluate(() => {
      const [a, b] = [...document.querySelectorAll("[data-testid=recordings] figure:not(.off) video")].map((video) => video.currentTime);
      return Math.abs(a - b);
    });
    console.log(`     both play together; their own times differ by ${apart.toFixed(2)} s`);
    await doctor.look("recordings");
    await doctor.press("recordings.pause");

    // Nobody else plays it, and nothing of it lies open on the disk.
    const path = `/api/consultations/${one.id}/recordings/${first[0].id}`;
    const status = async (at, where) => (await at.page.request.get(`${box.url}${where}`)).status();
    if ((await status(patient, path)) !== 403) throw new Error("the patient plays it");
    const own = await asked(patient, "GET", `/api/portal/consultations/${one.id}/recordings`);
    if (own.recordings.length !== first.length || "id" in own.recordings[0]) throw new Error(`the patient sees ${JSON.stringify(own)}`);
    for (const name of readdirSync(join(box.data, "blobs"))) {
      const bytes = readFileSync(join(box.data, "blobs", name));
      if (bytes.includes("webm") || bytes.includes("OpusHead")) throw new Error(`${name} is not sealed`);
    }
    const kinds = await box.fhir("GET", `/Consent?patient=${all.farida.id}`);
    const ours = kinds.entry.map(({ resource }) => resource).filter((c) => c.category[0].coding[0].code === "recording");
    if (ours.map((c) => c.status).sort().join() !== "active,inactive") throw new Error(`consents: ${ours.map((c) => c.status)}`);
    const media = await box.fhir("GET", `/Media/${first[0].id}`);
    if (media.status !== "completed" || !(media.duration > SECONDS - 5) || media.content.url !== path) throw new Error(`media: ${JSON.stringify(media)}`);

    const owner = await Visitor.arrive(browser, box);
    await signIn(owner, all.asha);
    await owner.page.locator(".who").first().waitFor();
    if ((await status(owner, path)) !== 403) throw new Error("the owner plays it");
    for (const file of await list(owner, one.id)) await asked(owner, "DELETE", `/api/consultations/${one.id}/recordings/${file.id}`, { reason: "The patient asked for it" });
    if (blobs(box) !== 0) throw new Error("deleted, and still there");
    if ((await status(doctor, path)) !== 404) throw new Error("deleted, and still played");
    // Nothing was heard in this call, so there is no transcript to be found.
    doctor.faults = doctor.faults.filter((fault) => !fault.includes("/transcript"));
    for (const each of [owner, doctor, patient]) await each.leave();
  });
}

async function cut() {
  await inCall({ CLINICVAULT_CALLS_RECORDING: "true" }, async (all) => {
    const { box, browser, meera, one } = all;
    await begin(all);
    const began = Date.now();
    await sleep(8);
    const gone = new Promise((done) => box.child.once("exit", done));
    box.child.kill("SIGKILL");
    const lasted = (Date.now() - began) / 1000;
    await gone;
    await box.start();
    const doctor = await Visitor.arrive(browser, box);
    await signIn(doctor, meera);
    await doctor.page.locator(".who").first().waitFor();
    const files = await closed(doctor, one.id);
    for (const file of files) {
      if (file.state !== "cut") throw new Error(`${file.state}, not cut`);
      await plays(doctor, one.id, file, 4);
    }
    const longest = Math.max(...files.map((file) => file.lastsMs)) / 1000;
    console.log(`     killed ${lasted.toFixed(1)} s after the mark: ${longest.toFixed(1)} s are kept`);
    if (longest < lasted - 2) throw new Error("more than a second or two is lost");
  });
}

async function off() {
  await inCall({}, async ({ box, doctor }) => {
    await sleep(2);
    if (await doctor.page.getByTestId("record").count()) throw new Error("a clinic that does not record offers it");
    if (blobs(box) !== 0) throw new Error("something was kept");
  });
}

export const walks = [
  ["a call is recorded once everybody agreed, played by its doctor and deleted by the owner", recorded],
  ["a recording survives a pulled plug", cut],
  ["a clinic records nothing unless it says so", off],
];
