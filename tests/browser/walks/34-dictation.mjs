// A doctor dictates: a recording goes to the box, its words come, and stay with the patient when the dialog is closed.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Box } from "../lib/box.mjs";
import { until } from "../lib/calls.mjs";
import { asked } from "../lib/consultation.mjs";
import { deaf, models, speak } from "../lib/spoken.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

async function dictation(browser) {
  const without = deaf();
  if (without) return console.log(`     skipped: ${without}`);
  const folder = mkdtempSync(join(tmpdir(), "clinicvault-dictation-"));
  const box = await new Box({ CLINICVAULT_SCRIBE_MODELS_DIR: models }).init().start();
  try {
    const meera = box.staff("meera", "Dr Meera Rao", "doctor", "reception");
    const doctor = await Visitor.arrive(browser, box);
    await signIn(doctor, meera);
    await doctor.page.locator(".who").first().waitFor();
    const patient = await asked(doctor, "POST", "/api/patients", { name: "Tukaram Pawar", birth: { ageYears: 61 }, sex: "M", phone: "7000041208", noPhone: false, village: "Hadapsar", decisions: [], key: "walk-dictation" });
    await doctor.page.goto(`/patients/${patient.id}`);
    await doctor.press("dictation.begin");

    // What is no recording is told at once, and nothing is sent.
    const file = doctor.page.locator("#dictation-file");
    await file.setInputFiles({ name: "letter.wav", mimeType: "audio/wav", buffer: Buffer.from("Dear colleague") });
    await doctor.sees("dictation.unplayable");
    await doctor.look("dictation");

    const wav = join(folder, "said.wav");
    speak(wav, "en-us", "The patient has had pain in the left knee for two weeks. There is no swelling.");
    await file.setInputFiles(wav);
    const words = doctor.page.getByRole("dialog").getByText(/knee/i);
    await words.first().waitFor({ timeout: 120_000 });
    await until("it is written to its end", async () => /swelling/i.test(await doctor.page.getByRole("dialog").innerText()), 60);
    await doctor.look("dictation-heard");
    await doctor.press("close");

    // It waits among the patient's documents, signed by nobody.
    await doctor.page.reload();
    await doctor.page.getByTestId("document").getByRole("button", { name: doctor.t("visits.read") }).click();
    await doctor.page.getByTestId("spoken").getByText(/knee/i).first().waitFor();
    await doctor.look("dictation-read");
    await doctor.press("close");
    await doctor.leave();
  } finally {
    await box.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const walks = [["a doctor dictates about a patient and reads what the box heard", dictation]];
