// The consultation itself: doctor and patient meet in the room, see and hear each other, write, agree to captions or not, lose the
// line and come back, until the doctor ends it.
import { chromium } from "playwright-core";
import { Box } from "../lib/box.mjs";
import { until } from "../lib/calls.mjs";
import { signIn } from "../lib/steps.mjs";
import { PHONE, Visitor } from "../lib/visitor.mjs";

const FAKE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"];

async function asked(at, method, path, data) {
  const answer = await at.page.request.fetch(`${at.box.url}${path}`, { method, data, headers: { "x-clinicvault": "1", "sec-fetch-site": "same-origin" } });
  if (!answer.ok()) throw new Error(`${method} ${path}: ${answer.status()} ${await answer.text()}`);
  return answer.status() === 204 ? null : answer.json();
}

/** Pictures of the other one move. */
async function moves(at, who) {
  const frames = () => at.page.evaluate(() => [...document.querySelectorAll("[data-testid=tile] video")].map((v) => v.getVideoPlaybackQuality().totalVideoFrames));
  let before = [0];
  await until(`pictures move at ${who}`, async () => {
    const now = await frames();
    const good = now.length > 0 && now.every((n, i) => n > (before[i] ?? Infinity));
    before = now;
    return good;
  }, 60);
}

async function room() {
  const box = await new Box().init().start();
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", ...FAKE] });
  try {
    const meera = box.staff("meera", "Dr Meera Venkatasubramanian Kulkarni", "doctor");
    const sanjana = box.staff("sanjana", "Sanjana Gite", "reception");
    const asha = box.staff("asha", "Asha Rao", "owner");
    const owner = await Visitor.arrive(browser, box);
    await signIn(owner, asha);
    const { doctors } = await asked(owner, "GET", "/api/presence");
    await asked(owner, "PUT", `/api/presence/${doctors[0].id}/profile`, { specialties: ["general"], languages: ["hi", "en"] });
    await owner.leave();

    const doctor = await Visitor.arrive(browser, box);
    await signIn(doctor, meera);
    await asked(doctor, "POST", "/api/presence/me", { state: "ONLINE" });
    const desk = await Visitor.arrive(browser, box);
    await signIn(desk, sanjana);
    const farida = await asked(desk, "POST", "/api/patients", { name: "Farida Begum Shaikh", birth: { ageYears: 34 }, sex: "F", phone: "7000045519", noPhone: false, village: "Hadapsar", decisions: [], key: "walk-room-farida" });
    const one = await asked(desk, "POST", "/api/consultations", { patientId: farida.id, complaint: "Cough 4 days, fever 2 days, worse at night", specialty: "general", language: "hi", mode: "video", urgency: "routine", flags: [], key: "walk-room-1" });
    if (one.state !== "WAITING") throw new Error(`without a price it does not wait for money: ${one.state}`);
    await asked(desk, "POST", `/api/consultations/${one.id}/identity`, { expected: "WAITING", how: "known" });
    await asked(desk, "POST", `/api/consultations/${one.id}/consent`, { expected: "WAITING", form: "voice" });
    const { token } = await asked(desk, "POST", `/api/patients/${farida.id}/join-link`);
    await desk.leave();

    const patient = await Visitor.arrive(browser, box, { lang: "hi", size: PHONE });
    await patient.page.goto(`/join#${token}`);
    await patient.field("portal.join.year").fill(farida.birthDate.slice(0, 4));
    await patient.press("portal.join.do");
    await patient.press("portal.callNow");
    await patient.sees("room.notIn");
    await patient.look("room-lobby-hi");
    await patient.press("room.goVideo");
    await patient.sees("room.alone");

    await doctor.page.goto("/consultations");
    await doctor.page.getByRole("link", { name: doctor.t("room.open") }).click();
    await doctor.sees("room.notIn");
    await doctor.look("room-lobby");
    await doctor.press("consult.act.start");
    await doctor.press("room.goVideo");
    await Promise.all([moves(doctor, "the doctor"), moves(patient, "the patient")]);
    await doctor.look("room");
    await patient.look("room-patient-hi");

    // Words are written once on both sides.
    await doctor.page.getByRole("tab", { name: doctor.t("room.chat") }).click();
    await doctor.field("room.chat.write").fill("Take your temperature now");
    await doctor.press("room.chat.send");
    await patient.page.getByRole("tab", { name: patient.t("room.chat") }).click();
    await patient.page.getByText("Take your temperature now").waitFor();
    await patient.field("room.chat.write").fill("101 है");
    await patient.press("room.chat.send");
    await doctor.page.getByText("101 है").waitFor();
    await doctor.look("room-chat");
    if ((await doctor.page.getByTestId("chat").locator("li").count()) !== 2) throw new Error("a message stands twice");
    await doctor.page.getByRole("tab", { name: doctor.t("room.people") }).click();
    await doctor.page.getByTestId("people").getByText("Farida Begum Shaikh").waitFor();
    await doctor.look("room-people");

    // Sound off is seen on the other side; sound only takes the picture away.
    await patient.press("room.micOn");
    await doctor.page.getByTestId("people").getByText(doctor.t("room.micOff")).waitFor();
    await patient.page.getByRole("button", { name: patient.t("room.soundOnly") }).click();
    await doctor.page.getByTestId("people").getByText(doctor.t("room.cameraOff")).waitFor();
    await doctor.look("room-camera-off");

    await doctor.page.getByRole("button", { name: doctor.t("room.devices") }).click();
    await doctor.look("room-devices");
    await doctor.press("cancel");
    await doctor.press("consult.act.complete");
    await patient.sees("room.over");
    await patient.look("room-over-hi");
    for (const each of [doctor, patient]) await each.leave();
  } finally {
    await browser.close();
    await box.stop();
  }
}

export const walks = [["doctor and patient meet in the room, on a laptop and on a phone", room]];
