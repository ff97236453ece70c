// A consultation in which two people speak, from the room to the papers: consent first, captions under whoever speaks, what was said
// offered to the note with its words, note and prescription signed, the transcript after the end, and the patient finds the papers
// and sees who looked. The voices are made by espeak-ng; without it, or without models, it says that it was skipped.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { Box } from "./box.mjs";
import { until } from "./calls.mjs";
import { asked, consultation } from "./consultation.mjs";
import { PHONE, Visitor } from "./visitor.mjs";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const bin = process.env.CLINICVAULT_BIN ?? join(root, process.env.CARGO_TARGET_DIR ?? "target", "debug", "clinicvault");
export const models = join(dirname(dirname(bin)), "models");
const SAYS = {
  doctor: ["en-us+f3", "Your blood pressure is one hundred and thirty by ninety. Take paracetamol six hundred and fifty milligrams, twice a day, for five days."],
  patient: ["en-us", "I have had a cough and fever for three days. My chest hurts when I breathe."],
};

/** Why nothing can be said or heard here; null when it can. */
export function deaf() {
  if (!existsSync(models) || readdirSync(models).length < 2) return `no models in ${models} (make model)`;
  try {
    execFileSync("espeak-ng", ["--version"], { stdio: "ignore" });
  } catch {
    return "no espeak-ng to speak with";
  }
  return null;
}

/** Writes a WAV file of somebody who says something. */
export function speak(file, voice, words) {
  execFileSync("espeak-ng", ["-v", voice, "-s", "140", "-w", file, words]);
}

/**
 * `place` is where box and doctor are (see Box), `settings` are the box's; `arrive` is told of the patient before the page of the
 * call opens, `during` of both once they read along.
 */
export async function spoken({ place, settings = {}, chromiumThere, arrive, during } = {}) {
  const without = deaf();
  if (without) return console.log(`     skipped: ${without}`);
  const folder = mkdtempSync(join(tmpdir(), "clinicvault-heard-"));
  const box = await new Box({ CLINICVAULT_SCRIBE_MODELS_DIR: models, ...settings }, place).init().start();
  const browsers = [];
  const here = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const chromiumOf = async (who, executablePath = here) => {
    const file = join(folder, `${who}.wav`);
    speak(file, ...SAYS[who]);
    const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", `--use-file-for-fake-audio-capture=${file}`];
    if (place) args.push("--ignore-certificate-errors");
    browsers.push(await chromium.launch({ executablePath, args }));
    return browsers.at(-1);
  };
  try {
    const { doctor, meera, farida, one, token } = await consultation(await chromiumOf("doctor", chromiumThere), box, { language: "en", complaint: "Cough" });
    const patient = await Visitor.arrive(await chromiumOf("patient"), box, { lang: "en", size: PHONE });
    await arrive?.(patient);
    await patient.page.goto(`/join#${token}`);
    await patient.field("portal.join.year").fill(farida.birthDate.slice(0, 4));
    await patient.press("portal.join.do");
    await patient.press("portal.callNow");
    await patient.press("room.goVideo");
    await doctor.page.goto(`/consultations/${one.id}`);
    await doctor.press("consult.act.start");
    await doctor.press("room.goVideo");
    await doctor.page.locator("[data-testid=tile] video").first().waitFor();

    // Nobody is heard before both have agreed.
    await doctor.page.getByRole("button", { name: doctor.t("room.consent.yes"), exact: true }).click();
    await new Promise((done) => setTimeout(done, 3000));
    if ((await doctor.page.getByTestId("captions").locator("li").count()) !== 0) throw new Error("captions before the patient agreed");
    const agreed = Date.now();
    await patient.page.getByRole("button", { name: patient.t("room.consent.yes"), exact: true }).click();
    const captions = (at, who) => at.page.getByTestId("captions").locator("li").filter({ hasText: who }).allInnerTexts();
    const patientSays = () => captions(doctor, "Farida").then((all) => all.join(" "));
    await until("the first caption", async () => (await doctor.page.getByTestId("captions").locator("li").count()) > 0, 60);
    console.log(`     the first words stand ${((Date.now() - agreed) / 1000).toFixed(1)} s after the patient agreed`);
    await until("the patient's words under the patient", async () => /fever|chest|hurt|days/i.test(await patientSays()), 90);
    await until("the doctor's words under the doctor", async () => /blood pressure|twice a day/i.test((await captions(doctor, meera.name)).join(" ")), 90);
    if (/blood pressure/i.test(await patientSays())) throw new Error("the doctor's words stand under the patient");
    await until("the patient reads along", async () => (await patient.page.getByTestId("captions").locator("li").count()) > 0, 30);
    await patient.look("heard-patient");
    await during?.({ doctor, patient });

    // What was said is offered; it enters when the doctor takes it, with the words that it came from.
    const offered = doctor.page.getByTestId("heard");
    await offered.first().waitFor({ timeout: 60_000 });
    await doctor.look("heard");
    const complaint = await doctor.field("note.complaint").inputValue();
    if (complaint !== "") throw new Error(`words entered by themselves: ${complaint}`);
    await doctor.page.keyboard.press("F8");
    await until("a suggestion is taken over", async () => (await asked(doctor, "GET", `/api/consultations/${one.id}/note`)).note.accepted.length > 0);
    const { sources } = await asked(doctor, "GET", `/api/consultations/${one.id}/note`);
    if (sources.length !== 1 || sources[0].words === "") throw new Error(`where it came from: ${JSON.stringify(sources)}`);
    await doctor.field("note.assessment").fill("Acute bronchitis");
    await doctor.page.keyboard.press("F4");
    await doctor.page.keyboard.type("para 650 1-0-1 pc 5d");
    await doctor.page.keyboard.press("Enter");
    await doctor.page.getByTestId("rx-line").first().waitFor();
    await until("all is kept", async () => (await asked(doctor, "GET", `/api/consultations/${one.id}/note`)).note.assessment === "Acute bronchitis");
    await doctor.page.keyboard.press("Control+Enter");
    await doctor.page.getByRole("textbox", { name: doctor.t("sign.password") }).fill(meera.password);
    await doctor.page.getByRole("dialog").getByRole("button", { name: doctor.t("sign.do") }).click();
    await doctor.page.getByTestId("signed").waitFor();
    await doctor.press("consult.act.complete");

    // The transcript, made anew from the sound, which is gone afterwards.
    await patient.sees("room.over");
    await until("the transcript is done", async () => (await asked(doctor, "GET", `/api/consultations/${one.id}/transcript`)).state === "done", 240);
    const { lines, speakers } = await asked(doctor, "GET", `/api/consultations/${one.id}/transcript`);
    const said = (part) => lines.filter((line) => speakers[line.speaker].part === part).flatMap((line) => line.words.map((word) => word.text)).join(" ");
    if (!/fever|chest|hurt|days/i.test(said("patient")) || !/blood pressure|twice a day/i.test(said("doctor")) || /blood pressure/i.test(said("patient"))) throw new Error(`the transcript says: ${JSON.stringify(speakers)} ${said("patient")} / ${said("doctor")}`);
    await doctor.page.reload();
    await doctor.page.getByTestId("spoken").getByText(/chest|hurt|days/i).first().waitFor();
    await doctor.look("heard-after");

    // At home: the papers, and who looked.
    await patient.press("back");
    await patient.page.getByTestId("own-papers").getByRole("link").first().waitFor();
    const page = await patient.page.request.get(box.url + (await patient.page.getByTestId("own-papers").getByRole("link").first().getAttribute("href")));
    if (!page.ok() || !(await page.body()).subarray(0, 5).equals(Buffer.from("%PDF-"))) throw new Error(`no page for the patient: ${page.status()}`);
    await patient.page.getByText(patient.t("portal.log")).click();
    await patient.page.getByTestId("own-log").getByText(meera.name).first().waitFor();
    await patient.look("heard-home");
    for (const each of [doctor, patient]) await each.leave();
  } finally {
    for (const browser of browsers) await browser.close();
    await box.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
