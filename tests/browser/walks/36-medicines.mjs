// The owner adds a medicine of the clinic's own, is told what is wrong with one, takes lists of telemedicine from a file and goes
// back to the box's; the doctor's line knows the new medicine at once.
import { Box } from "../lib/box.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

const PACK = { version: "2026-12", note: "Walked.", citations: [{ key: "g", text: "Gazette of 1 December 2026" }], entries: [{ name: "paracetamol", list: "O", cite: "g", forms: [] }] };

async function medicines(browser) {
  const box = await new Box().init().start();
  try {
    const asha = box.staff("asha", "Asha Rao", "owner");
    const meera = box.staff("meera", "Dr Meera Rao", "doctor");
    const owner = await Visitor.arrive(browser, box);
    await signIn(owner, asha);
    await owner.page.goto("/medicines");
    await owner.sees("medicines.none");
    await owner.look("medicines-empty");

    await owner.press("medicines.add");
    const dialog = owner.page.locator("dialog");
    await dialog.getByRole("button", { name: owner.t("save") }).click();
    await owner.sees("medicines.nameWrong");
    await dialog.getByLabel(owner.t("medicines.name"), { exact: true }).fill("Tulsi tonic");
    await dialog.getByLabel(owner.t("medicines.short")).fill("tulsi, amox");
    await dialog.getByLabel(owner.t("medicines.what")).fill("cough");
    await dialog.getByLabel(owner.t("medicines.forms")).fill("syp, brick");
    await owner.look("medicines-add");
    await dialog.getByRole("button", { name: owner.t("save") }).click();
    await dialog.getByRole("alert").getByText("tulsi tonic", { exact: false }).waitFor();
    await owner.look("medicines-refused");
    await dialog.getByLabel(owner.t("medicines.forms")).fill("syp");
    await dialog.getByLabel(owner.t("medicines.unit")).selectOption("ml");
    await dialog.getByRole("button", { name: owner.t("save") }).click();
    await dialog.waitFor({ state: "detached" });
    await owner.page.getByRole("button", { name: "tulsi tonic" }).waitFor();

    // Lists from a file: another kind of file is none; then they count, until the box's do again.
    const file = owner.page.getByTestId("telemedicine-lists-file");
    await file.setInputFiles({ name: "photo.json", mimeType: "application/json", buffer: Buffer.from("[1]") });
    await owner.sees("medicines.fileWrong");
    await file.setInputFiles({ name: "lists-2026.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(PACK)) });
    await owner.sees("medicines.listsText.one", { version: "2026-12", n: "1" });
    await owner.look("medicines-lists-ask");
    await owner.press("medicines.readDo");
    await owner.sees("medicines.listsOwn", { version: "2026-12" });
    await owner.look("medicines");
    await owner.page.getByRole("button", { name: owner.t("medicines.back") }).last().click();
    await owner.press("medicines.backDo");
    await owner.sees("medicines.listsBox", { version: "2020-03-25" });

    const doctor = await Visitor.arrive(browser, box);
    await signIn(doctor, meera);
    const read = await doctor.page.request.post(`${box.url}/api/prescriptions/parse`, { headers: { "x-clinicvault": "1", "sec-fetch-site": "same-origin" }, data: { line: "tulsi 5ml bd 3d" } });
    if (read.status() !== 200 || !(await read.text()).includes("TULSI TONIC")) throw new Error(`the doctor's line: ${await read.text()}`);

    await owner.page.getByRole("button", { name: "tulsi tonic" }).click();
    await owner.press("medicines.remove");
    await owner.sees("medicines.none");
    for (const each of [owner, doctor]) await each.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["the owner keeps the clinic's own medicines and lists of telemedicine", medicines]];
