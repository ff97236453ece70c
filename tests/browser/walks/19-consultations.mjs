// A consultation from the price list to its end: the owner sets a fee, the doctor is free, reception asks for one and takes the
// cash, a patient comes in by a link, sees the QR code and says that it was paid.
import { Box } from "../lib/box.mjs";
import { signIn } from "../lib/steps.mjs";
import { PHONE, Visitor } from "../lib/visitor.mjs";

async function register(at, name, phone) {
  const answer = await at.page.request.post(`${at.box.url}/api/patients`, {
    headers: { "x-clinicvault": "1", "sec-fetch-site": "same-origin" },
    data: { name, birth: { ageYears: 41 }, sex: "F", phone, noPhone: false, village: "Hadapsar", decisions: [], key: `walk-form-${phone}` },
  });
  if (answer.status() !== 201) throw new Error(`register: ${await answer.text()}`);
  return answer.json();
}

async function consultation(browser) {
  const box = await new Box().init().start();
  try {
    const meera = box.staff("meera", "Dr Meera Venkatasubramanian Kulkarni", "doctor");
    const sanjana = box.staff("sanjana", "Sanjana Gite", "reception");
    const asha = box.staff("asha", "Asha Rao", "owner");

    const owner = await Visitor.arrive(browser, box);
    await signIn(owner, asha);
    await owner.page.goto("/prices");
    await owner.sees("prices.none");
    await owner.look("prices-empty");
    await owner.field("prices.costs").fill("abc");
    await owner.press("prices.add");
    await owner.sees("prices.wrong");
    await owner.field("prices.costs").fill("500");
    await owner.press("prices.add");
    await owner.page.getByRole("cell", { name: "₹500" }).waitFor();
    await owner.field("prices.specialties").fill("general");
    await owner.field("prices.languages").fill("hi en");
    await owner.page.getByRole("button", { name: owner.t("prices.save") }).first().click();
    await owner.page.getByText(owner.t("prices.doctorSaved", { name: meera.name })).first().waitFor();
    await owner.field("prices.vpa").fill("asha.clinic@okbank");
    await owner.field("prices.payee").fill("Asha Clinic");
    await owner.page.getByRole("button", { name: owner.t("prices.save") }).last().click();
    await owner.sees("prices.upiOn");
    await owner.look("prices");
    await owner.leave();

    const doctor = await Visitor.arrive(browser, box);
    await signIn(doctor, meera);
    await doctor.page.goto("/consultations");
    await doctor.sees("consult.none");
    await doctor.page.getByText(doctor.t("presence.ONLINE"), { exact: true }).click();
    await doctor.look("worklist-empty");

    const desk = await Visitor.arrive(browser, box);
    await signIn(desk, sanjana);
    const sunita = await register(desk, "Sunita Vishweshwarayya Gaikwad-Deshpande", "7000045518");
    await desk.page.goto("/consultations");
    await desk.press("consult.new");
    await desk.page.locator("dialog input").first().fill("Sunita");
    await desk.page.locator("dialog .hits button").first().click();
    await desk.page.locator("dialog textarea").fill("Cough and fever for three days");
    await desk.page.locator("dialog").getByText(desk.t("consult.mode.video"), { exact: true }).click();
    await desk.look("consultation-request");
    await desk.press("consult.ask");
    await desk.page.getByText("Cough and fever for three days").waitFor();
    await desk.look("queue");

    await desk.press("consult.invite");
    const link = await desk.page.getByTestId("join-link").innerText();
    await desk.look("join-link");
    await desk.press("consult.link.done");

    const patient = await Visitor.arrive(browser, box, { lang: "hi", size: PHONE });
    await patient.page.goto(link);
    await patient.sees("portal.join.text");
    await patient.look("portal-join-hi");
    await patient.field("portal.join.year").fill("1900");
    await patient.press("portal.join.do");
    await patient.page.getByRole("alert").first().waitFor();
    await patient.field("portal.join.year").fill(sunita.birthDate.slice(0, 4));
    await patient.press("portal.join.do");
    await patient.page.getByAltText(patient.t("portal.qr")).waitFor();
    await patient.look("portal-pay-hi");
    await patient.field("portal.reference").fill("123456789012");
    await patient.press("portal.claim");
    await patient.sees("portal.claimed");
    await patient.look("portal-claimed-hi");

    await desk.press("consult.upiSeen");
    await desk.press("consult.confirm", { sum: "₹500" });
    await desk.press("consult.identity");
    await desk.page.locator("dialog input").fill("Voter card");
    await desk.press("consult.identity.do");
    await desk.press("consult.consent");
    await desk.press("consult.consent.do");
    await patient.press("portal.here");
    await patient.sees("portal.hereDone");

    await doctor.press("consult.start");
    await doctor.page.getByText(doctor.t("presence.BUSY")).waitFor({ timeout: 40_000 });
    await doctor.look("worklist-active");
    await doctor.press("consult.complete");
    await doctor.sees("consult.none");
    await patient.sees("portal.history");
    await patient.look("portal-history-hi");
    for (const one of [doctor, desk, patient]) await one.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["a consultation goes from the price list over the patient's phone to its end", consultation]];
