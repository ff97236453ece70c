// The doctor's pen: a note that keeps itself, a prescription read line by line, a stop for an allergy, signing with the password and
// then with a PIN, a page printed, its code checked; and that a second screen does not write over the first.
import { Box } from "../lib/box.mjs";
import { asked, consultation } from "../lib/consultation.mjs";
import { until } from "../lib/calls.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

async function pen(browser) {
  const box = await new Box().init().start();
  try {
    const { doctor, meera, one, farida } = await consultation(browser, box, { mode: "inPerson", complaint: "Cough 4 days, fever 2 days, worse at night" });
    await asked(doctor, "POST", `/api/patients/${farida.id}/allergies`, { substance: "Penicillin", certainty: "confirmed", severity: "severe" });
    await doctor.page.goto(`/consultations/${one.id}`);
    await doctor.press("consult.act.start");

    // What is typed is kept without a press; what is empty is not a draft.
    await doctor.field("note.complaint").fill("Cough 4 days, fever 2 days, worse at night. No breathlessness.");
    await doctor.field("note.examination").fill("Speaks full sentences, no visible distress. Throat red.");
    await doctor.field("note.assessment").fill("Acute bronchitis");
    await doctor.field("note.vital.temperature").fill("38.4");
    await doctor.field("note.vital.spo2").fill("97");
    await doctor.field("note.advice").fill("Drink warm water.");
    await until("the note is kept", async () => (await asked(doctor, "GET", `/api/consultations/${one.id}/note`)).note.advice === "Drink warm water.");
    const { note } = await asked(doctor, "GET", `/api/consultations/${one.id}/note`);
    if (note.vitals.length !== 2) throw new Error(`vitals: ${JSON.stringify(note.vitals)}`);

    // A line that cannot be read says so and stays; what hits an allergy is stopped where it stands.
    await doctor.page.keyboard.press("F4");
    const write = async (line) => {
      await doctor.page.keyboard.type(line);
      await doctor.page.keyboard.press("Enter");
      await doctor.page.getByTestId("rx-line").filter({ hasText: new RegExp(line.split(" ")[0], "i") }).first().waitFor();
    };
    await write("para 650 1-1-1 pc 3d");
    await doctor.page.getByTestId("rx-line").getByText("PARACETAMOL", { exact: true }).waitFor();
    await doctor.page.locator("#rx-entry").focus();
    await write("amox 500 1-1-1 pc 5d");
    await doctor.page.getByTestId("rx-issue").first().waitFor();
    await doctor.look("note-stopped");
    if (await doctor.page.getByRole("button", { name: doctor.t("sign.open") }).isEnabled()) throw new Error("it can be signed in spite of an allergy");
    await doctor.page.getByTestId("rx-issue").getByRole("button", { name: doctor.t("rx.another") }).click();
    await doctor.page.getByTestId("rx-issue").waitFor({ state: "detached" });
    await doctor.page.locator("#rx-entry").fill("");

    // Another screen of the same doctor that writes does not write over this one: both texts are shown.
    const other = await Visitor.arrive(browser, box);
    await signIn(other, meera);
    await other.page.goto(`/consultations/${one.id}`);
    await other.field("note.history").fill("Smokes");
    await other.page.getByTestId("both").waitFor();
    await other.look("note-both");
    await other.press("note.keepTheirs");
    await other.leave();

    await doctor.page.keyboard.press("Control+Enter");
    await doctor.page.getByRole("textbox", { name: doctor.t("sign.password") }).fill("not the password");
    await doctor.page.getByRole("dialog").getByRole("button", { name: doctor.t("sign.do") }).click();
    await doctor.sees("sign.wrong");
    await doctor.look("note-sign");
    await doctor.page.getByRole("textbox", { name: doctor.t("sign.password") }).fill(meera.password);
    await doctor.page.getByRole("dialog").getByRole("button", { name: doctor.t("sign.do") }).click();
    await doctor.page.getByTestId("signed").waitFor();
    await doctor.look("note-signed");
    const { signed } = await asked(doctor, "GET", `/api/consultations/${one.id}/prescription`);
    if (signed.length !== 1 || signed[0].state !== "SIGNED") throw new Error(`signed: ${JSON.stringify(signed)}`);
    const pdf = await doctor.page.request.get(`${box.url}/api/consultations/${one.id}/documents/${signed[0].id}/pdf?paper=a5`);
    if (!pdf.ok() || !(await pdf.body()).subarray(0, 5).equals(Buffer.from("%PDF-"))) throw new Error(`no page: ${pdf.status()}`);

    // Whoever holds the page can check it, and learns nothing about the patient.
    const check = await (await fetch(`${box.url}/verify/${signed[0].code}`)).text();
    const words = check.replace(/<[^>]*>/g, " ");
    if (!words.includes(meera.name) || words.includes(farida.name) || /paracetamol/i.test(words)) throw new Error(`the check says: ${words}`);

    // After the end words are added below, and the prescription is taken back with a reason and the password.
    await doctor.press("consult.act.complete");
    await doctor.press("addendum.open");
    const dialog = doctor.page.getByRole("dialog");
    await dialog.getByRole("button", { name: doctor.t("addendum.do") }).click();
    await doctor.sees("sign.missing");
    await doctor.field("addendum.label").fill("X-ray seen: clear.\nNo change of the plan.");
    await doctor.look("addendum");
    await dialog.getByRole("button", { name: doctor.t("addendum.do") }).click();
    await doctor.page.getByTestId("addendum").getByText("X-ray seen: clear.").waitFor();
    await doctor.press("rx.cancel");
    await doctor.field("consult.reason").fill("The patient came back with a rash");
    await doctor.page.getByRole("textbox", { name: doctor.t("sign.password") }).fill(meera.password);
    await doctor.look("rx-cancel");
    await dialog.getByRole("button", { name: doctor.t("rx.cancel.do") }).click();
    await doctor.page.getByTestId("signed").getByText(doctor.t("sign.state.CANCELLED")).waitFor();
    await doctor.look("note-after");
    const late = (await (await fetch(`${box.url}/verify/${signed[0].code}`)).text()).replace(/<[^>]*>/g, " ");
    if (late === words) throw new Error("its check does not tell that it was cancelled");
    await doctor.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["a note and a prescription are written, stopped, compared, signed and printed", pen]];
