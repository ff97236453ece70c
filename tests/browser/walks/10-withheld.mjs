// Other systems are told of changes, with a page that says how each does; and a patient who withholds a record from a
// doctor: the page says so, the emergency door opens it for a reason, the owner sees that.
import http from "node:http";
import { Box } from "../lib/box.mjs";
import { adt, oru } from "../lib/messages.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

const LAKSHMI = { number: "88120", family: "Pawar", given: "Lakshmi Devi", birth: "19680314", phone: "7000041207" };

/** Another system: takes notifications, or refuses them. */
async function receiver() {
  const taken = [];
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (piece) => (body += piece));
    request.on("end", () => {
      if (server.refuses) return void response.writeHead(503).end();
      taken.push({ body, secret: request.headers["x-secret"] });
      response.writeHead(200).end();
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return Object.assign(server, { taken, refuses: false, url: `http://127.0.0.1:${server.address().port}/` });
}

async function subscriptions(browser) {
  const other = await receiver();
  const box = await new Box({ CLINICVAULT_SUBSCRIPTIONS_ENDPOINTS: `["${other.url}"]`, CLINICVAULT_SUBSCRIPTIONS_RETRY_SECONDS: "3600" }).init().start();
  try {
    await box.hl7(adt(LAKSHMI));
    const owner = box.staff("vilas", "Vilas Gaikwad", "owner", "doctor");
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    const says = (how) => page.getByTestId("subscription").getByTestId("subscription-state").filter({ hasText: at.t(`subs.state.${how}`) }).waitFor();
    await signIn(at, owner);
    await page.goto("/exchange/subscriptions");
    await at.sees("subs.none");
    await page.getByRole("link", { name: at.t("subs.add") }).click();
    await at.press("subs.addDo");
    await at.sees("subs.bad.endpoint");
    await at.look("subscription-form");
    await page.locator("#subscription-reason").fill("Results for the hub");
    await page.locator("#subscription-endpoint").fill("http://127.0.0.1:9/elsewhere");
    await at.press("subs.addDo");
    await page.getByText("subscriptions.endpoints lists").waitFor();
    await page.locator("#subscription-endpoint").fill(`${other.url}in`);
    await page.locator("#subscription-headers").fill("X-Secret: hidden-word");
    await page.getByRole("radio", { name: at.t("subs.content.full-resource") }).check();
    await at.press("subs.addDo");
    await says("live");

    await box.hl7(oru({ ...LAKSHMI, glucose: "212.50" }));
    await page.getByTestId("subscription").getByText(at.t("subs.delivered.one", { n: 1 })).waitFor();
    const told = other.taken.at(-1);
    if (!told.body.includes("212.50") || told.secret !== "hidden-word") throw new Error(`the other system was told: ${JSON.stringify(told)}`);
    await page.getByRole("button", { name: at.t("subs.record") }).click();
    await page.getByRole("tree").waitFor();
    if ((await page.getByText("hidden-word").count()) > 0) throw new Error("the value of a header is shown");
    await page.keyboard.press("Escape");
    await at.look("subscription");

    // It refuses: the page says so, nothing is lost, and it is tried again by hand.
    other.refuses = true;
    await box.hl7(oru({ ...LAKSHMI, glucose: "77.25", flag: "N" }));
    await says("trying");
    await page.getByTestId("subscription").getByText(at.t("subs.waiting.one", { n: 1 })).waitFor();
    await at.look("subscription-trying");
    other.refuses = false;
    await at.press("subs.do.retry");
    await page.getByTestId("subscription").getByText(at.t("subs.delivered.other", { n: 2 })).waitFor();
    await at.press("subs.do.pause");
    await says("paused");
    await at.press("subs.do.resume");
    await says("live");
    await at.leave();

    const hindi = await Visitor.arrive(browser, box, { lang: "hi", theme: "dark" });
    await signIn(hindi, owner);
    await hindi.page.goto("/exchange/subscriptions");
    await hindi.page.getByTestId("subscription-row").click();
    await hindi.page.getByTestId("subscription").waitFor();
    await hindi.look("subscription");
    await hindi.press("subs.do.remove");
    await hindi.page.getByTestId("subscription-yes").click();
    await hindi.sees("subs.none");
    await hindi.leave();
  } finally {
    other.close();
    await box.stop();
  }
}

async function withheld(browser) {
  const box = await new Box().init().start();
  try {
    await box.hl7(adt(LAKSHMI));
    await box.hl7(oru({ ...LAKSHMI, glucose: "212.50" }));
    const doctor = box.staff("asha", "Asha Bhosale", "doctor");
    const desk = box.staff("sana", "Sana Gite", "reception");
    const owner = box.staff("vilas", "Vilas Gaikwad", "owner");
    const patient = (await box.fhir("GET", "/Patient?family=Pawar")).entry[0].resource.id;
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, doctor);
    await at.search("pawar");
    await page.getByTestId("search-hit").click();
    await page.getByText("212.5").first().waitFor();

    // While the chart is open the patient shuts everybody out: the page closes by itself.
    const code = (system, value) => ({ coding: [{ system: `http://terminology.hl7.org/CodeSystem/${system}`, code: value }] });
    await box.fhir("PUT", "/Consent/wish", {
      resourceType: "Consent", id: "wish", status: "active", scope: code("consentscope", "patient-privacy"), category: [{ coding: [{ system: "http://loinc.org", code: "59284-0" }] }],
      patient: { reference: `Patient/${patient}` }, policyRule: code("v3-ActCode", "OPTIN"), provision: { type: "deny" },
    });
    await page.getByTestId("withheld").waitFor();
    if ((await page.getByText("212.5").count()) > 0) throw new Error("a withheld result is still on the page");
    await at.look("withheld");

    const front = await Visitor.arrive(browser, box, { lang: "hi", theme: "dark" });
    await signIn(front, desk);
    await front.search("pawar");
    const hit = front.page.getByTestId("search-hit");
    await hit.getByText(front.t("withheld.tag")).waitFor();
    if ((await hit.innerText()).includes("70000")) throw new Error("the phone of a withheld patient is shown");
    await front.look("withheld-search");
    await hit.click();
    await front.sees("withheld.elseOther");
    if ((await front.page.getByTestId("withheld-open").count()) > 0) throw new Error("the desk is offered the emergency door");
    await front.look("withheld-desk");
    await front.leave();

    await page.getByTestId("withheld-open").click();
    await page.getByTestId("emergency-yes").click();
    await at.sees("withheld.reason.short");
    await at.look("withheld-dialog");
    await page.locator("#emergency-reason").fill("Unconscious, allergies not known");
    await page.getByTestId("emergency-yes").click();
    await page.getByText("212.5").first().waitFor();
    await page.getByTestId("withheld-bar").getByText(at.t("withheld.isOpen")).waitFor();
    await page.getByText(at.t("withheld.left.other", { n: 60 })).waitFor();
    await at.look("withheld-open");
    await at.leave();

    const over = await Visitor.arrive(browser, box);
    await signIn(over, owner);
    const row = over.page.getByTestId("opening");
    await row.getByText("Unconscious, allergies not known").waitFor();
    await row.getByText("Asha Bhosale").waitFor();
    await row.getByText("Pawar").waitFor();
    await over.look("withheld-openings");
    await over.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [
  ["another system is told of changes, refuses, is told again; its subscription is paused, resumed and deleted", subscriptions],
  ["a patient withholds a record; the desk finds the name, a doctor opens it in an emergency, the owner sees why", withheld],
];
