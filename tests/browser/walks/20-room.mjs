// The consultation itself: doctor and patient meet in the room, see and hear each other, write, agree to captions or not, lose the
// line and come back, until the doctor ends it.
import { readFileSync } from "node:fs";
import { deflateSync } from "node:zlib";
import { chromium } from "playwright-core";
import { Box } from "../lib/box.mjs";
import { consultation, moves } from "../lib/consultation.mjs";
import { PHONE, Visitor } from "../lib/visitor.mjs";

const FAKE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"];

/** A small picture: each line of dots begins with a filter byte. */
function picture() {
  const chunk = (name, content) => {
    const body = Buffer.concat([Buffer.from(name), content]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(content.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.from([0, 0, 0, 8, 0, 0, 0, 8, 8, 2, 0, 0, 0]);
  const dots = Buffer.from(Array.from({ length: 8 * 25 }, (_, at) => (at % 25 === 0 ? 0 : at)));
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("IDAT", deflateSync(dots)), chunk("IEND", Buffer.alloc(0))]);
}

/** CRC-32 as PNG wants it; Node's own came after the oldest Node that is used here. */
function crc32(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}

/** From home, before the call: a photo of an old report; one that is damaged is refused. */
async function beforehand(patient) {
  const choose = patient.page.getByTestId("own-choose");
  await choose.setInputFiles({ name: "cut.png", mimeType: "image/png", buffer: picture().subarray(0, 60) });
  const refused = patient.page.getByTestId("sending").getByText(patient.t("error.fileDamaged"));
  await refused.waitFor();
  await refused.scrollIntoViewIfNeeded();
  await patient.look("portal-file-refused-hi");
  await patient.page.getByTestId("sending").getByRole("button", { name: patient.t("close") }).click();
  await choose.setInputFiles({ name: "पुरानी रिपोर्ट.png", mimeType: "image/png", buffer: picture() });
  await patient.page.getByTestId("own-files").getByText("पुरानी रिपोर्ट.png").waitFor();
  await patient.look("portal-files-hi");
}

/** The patient hands over a photo; one with more than the photo in it is refused, and goes as a plain copy. */
async function files(doctor, patient) {
  const dots = picture();
  const choose = patient.page.getByTestId("chat-choose");
  await choose.setInputFiles({ name: "दाने.png", mimeType: "image/png", buffer: dots });
  const link = doctor.page.getByTestId("chat-file").filter({ hasText: "दाने.png" });
  await link.waitFor();
  const [saved] = await Promise.all([doctor.page.waitForEvent("download"), link.click()]);
  if (saved.suggestedFilename() !== "दाने.png") throw new Error(`saved as ${saved.suggestedFilename()}`);
  if (!dots.equals(readFileSync(await saved.path()))) throw new Error("the picture is another one");

  await choose.setInputFiles({ name: "two-in-one.png", mimeType: "image/png", buffer: Buffer.concat([dots, Buffer.from("PK and more")]) });
  await patient.page.getByTestId("sending").getByText(patient.t("error.fileTrailing")).waitFor();
  await patient.look("room-file-refused-hi");
  await patient.press("room.file.plain");
  await doctor.page.getByTestId("chat-file").getByText("two-in-one.jpg").waitFor();
  await patient.page.getByTestId("chat-file").nth(2).waitFor();
  if ((await patient.page.getByTestId("sending").count()) !== 0) throw new Error("a file that was sent still waits");
  await doctor.look("room-files");
  await patient.look("room-files-patient-hi");
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
    await beforehand(patient);
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
    await doctor.page.keyboard.press("Enter");
    await patient.page.getByRole("tab", { name: patient.t("room.chat") }).click();
    await patient.page.getByText("Take your temperature now").waitFor();
    await patient.field("room.chat.write").fill("101 है");
    await patient.page.getByRole("button", { name: patient.t("room.chat.send"), exact: true }).click();
    await doctor.page.getByText("101 है").waitFor();
    await doctor.look("room-chat");
    await doctor.page.getByTestId("chat-file").getByText("पुरानी रिपोर्ट.png").waitFor();
    if ((await doctor.page.getByTestId("chat").locator("li").count()) !== 3) throw new Error("a message stands twice");
    await files(doctor, patient);
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
