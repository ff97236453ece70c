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

/** From its first answer on an address answers the same: a screen that has not heard yet. */
async function freeze(at, address) {
  let kept = null;
  await at.page.route((url) => url.pathname === address, async (route) => {
    if (route.request().method() !== "GET") return route.continue();
    kept ??= await route.fetch();
    await route.fulfill({ response: kept });
  });
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
    await owner.press("prices.saveUpi");
    await owner.sees("prices.upiOn");
    // The gateway's secrets go in, and are never shown again.
    await owner.field("prices.keyId").fill("rzp_test_walk1234");
    await owner.press("prices.saveGateway");
    await owner.sees("prices.secretWrong");
    await owner.field("prices.keySecret").fill("first-secret-of-a-walk");
    await owner.field("prices.webhookSecret").fill("second-secret-of-a-walk");
    await owner.press("prices.saveGateway");
    await owner.sees("prices.gatewayOn");
    if ((await owner.page.content()).includes("secret-of-a-walk")) throw new Error("a secret of the gateway is on the page");
    if ((await owner.page.locator("#pay-secret").inputValue()) !== "") throw new Error("a secret of the gateway stays in its field");
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

    await desk.page.locator("summary", { hasText: desk.t("consult.more") }).click();
    await desk.press("consult.act.invite");
    const link = await desk.page.getByTestId("join-link").innerText();
    await desk.look("join-link");
    await desk.press("consult.link.done");

    const patient = await Visitor.arrive(browser, box, { lang: "hi", size: PHONE });
    await patient.page.goto(link);
    await patient.sees("portal.join.text");
    await patient.look("portal-join-hi");
    await patient.field("portal.join.year").fill("1900");
    await patient.press("portal.join.do");
    await patient.sees("portal.join.refused");
    await patient.field("portal.join.year").fill(sunita.birthDate.slice(0, 4));
    await patient.press("portal.join.do");
    await patient.page.getByAltText(patient.t("portal.qr")).waitFor();
    await patient.look("portal-pay-hi");
    await patient.field("portal.reference").fill("123456789012");
    await patient.press("portal.claim");
    await patient.sees("portal.claimed", { reference: "123456789012" });
    await patient.look("portal-claimed-hi");

    await desk.press("consult.act.pay");
    await desk.sees("consult.upi.text", { sum: "₹500", reference: "123456789012" });
    await desk.look("payment");
    await desk.press("consult.confirmUpi", { sum: "₹500" });
    await desk.page.getByRole("button", { name: desk.t("consult.act.pay") }).waitFor({ state: "detached" });
    await patient.press("portal.here");
    await patient.sees("portal.hereDone");
    // Another screen of the desk, which from now on shows what was.
    const stale = await Visitor.arrive(browser, box);
    await signIn(stale, sanjana);
    await freeze(stale, "/api/consultations");
    await stale.page.goto("/consultations");
    await stale.page.getByRole("button", { name: stale.t("consult.act.identity") }).waitFor();

    await desk.press("consult.act.identity");
    await desk.page.locator("dialog").getByText(desk.t("consult.how.document"), { exact: true }).click();
    await desk.press("consult.identity.do");
    await desk.sees("consult.needDocument");
    await desk.field("consult.document").fill("Voter card");
    await desk.look("identity");
    await desk.press("consult.identity.do");
    await desk.press("consult.act.consent");
    await desk.look("consent");
    await desk.page.locator("dialog").getByRole("button", { name: desk.t("consult.consent.do") }).click();
    await desk.sees("consult.consentDone");

    await doctor.press("consult.act.start");
    await doctor.page.getByRole("button", { name: doctor.t("consult.act.complete") }).waitFor();
    await doctor.look("worklist-active");
    await stale.press("consult.act.identity");
    await stale.page.locator("dialog").getByText(stale.t("consult.how.known"), { exact: true }).click();
    await stale.press("consult.identity.do");
    await stale.sees("consult.moved", { state: stale.t("consult.state.ACTIVE") });
    await stale.look("moved-on");
    await doctor.press("consult.act.complete");
    await doctor.sees("consult.none");
    await patient.sees("portal.history");
    await patient.look("portal-history-hi");

    // Cash that was taken goes back when it does not take place; only the owner sends it.
    await desk.press("consult.new");
    await desk.page.locator("dialog input").first().fill("Sunita");
    await desk.page.locator("dialog .hits button").first().click();
    await desk.page.locator("dialog textarea").fill("Fever again");
    await desk.page.locator("dialog").getByText(desk.t("consult.mode.video"), { exact: true }).click();
    await desk.press("consult.ask");
    await desk.press("consult.act.pay");
    await desk.press("consult.confirmCash", { sum: "₹500" });
    await desk.page.locator("summary", { hasText: desk.t("consult.more") }).click();
    await desk.press("consult.act.cancel");
    await desk.field("consult.reason").fill("The patient went to the hospital");
    await desk.look("cancel");
    await desk.press("consult.cancel.do");
    await desk.sees("money.goesBack");
    if (await desk.page.getByRole("button", { name: desk.t("money.refund") }).count()) throw new Error("reception may send money back");
    const again = await Visitor.arrive(browser, box);
    await signIn(again, asha);
    await again.page.goto("/consultations");
    await again.press("money.refund");
    await again.field("money.refund.how").fill("Cash over the counter");
    await again.look("refund");
    await again.page.locator("dialog").getByRole("button", { name: again.t("money.refund.do") }).click();
    await again.page.getByTestId("money").waitFor({ state: "detached" });
    for (const one of [doctor, desk, stale, patient, again]) await one.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["a consultation goes from the price list over the patient's phone to its end", consultation]];
