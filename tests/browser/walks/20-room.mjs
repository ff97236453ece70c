// The consultation itself: doctor and patient meet in the room, see and hear each other, write, agree to captions or not, lose the
// line and come back, until the doctor ends it.
import { chromium } from "playwright-core";
import { Box } from "../lib/box.mjs";
import { until } from "../lib/calls.mjs";
import { consultation } from "../lib/consultation.mjs";
import { PHONE, Visitor } from "../lib/visitor.mjs";

const FAKE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"];

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
    const { doctor, farida, token } = await consultation(browser, box);
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
