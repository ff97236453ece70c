// The desk: finding people, registering one, and one who is there already.
import { Box } from "../lib/box.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

async function fillForm(page, { name, birth, sex, phone }) {
  await page.locator("#patient-name").fill(name);
  await page.locator("#patient-birth").fill(birth);
  await page.locator(`input[name=sex][value=${sex}]`).check();
  await page.locator("#patient-phone").fill(phone);
}

async function desk(browser) {
  const box = await new Box().init().start();
  try {
    const sunita = box.staff("sunita", "Sunita Vilas Gaikwad", "reception");
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    at.onRecoveryCodes = () => at.look("sign-in-recovery-codes");
    await at.look("sign-in");
    await signIn(at, sunita);
    await at.look("home-reception-empty");

    // A new patient, by keyboard from the search field.
    await at.search("lakshmi devi pawar");
    await page.getByTestId("search-new").waitFor();
    await at.look("search-nobody");
    await page.keyboard.press("Enter");
    await page.locator("#patient-name").waitFor();
    if ((await page.locator("#patient-name").inputValue()) !== "Lakshmi Devi Pawar") throw new Error("the typed name is not carried into the form");
    await at.press("register.save");
    await at.sees("register.sexMissing");
    await at.look("register-errors");
    await fillForm(page, { name: "Lakshmi Devi Pawar", birth: "14/3/1968", sex: "F", phone: "7000041207" });
    await at.press("register.save");
    await page.waitForURL(/\/patients\/[^/]+$/);

    // The same person under another spelling: shown beside the form while it is typed, and must be answered.
    await page.goto("/patients/new");
    await fillForm(page, { name: "Laxmi Pawar", birth: "58y", sex: "F", phone: "7000041207" });
    await page.getByTestId("candidate").first().waitFor();
    await at.look("register-duplicate");
    await at.press("register.save");
    await page.getByText(at.t("register.undecided.one")).first().waitFor();
    if (!new URL(page.url()).pathname.endsWith("/new")) throw new Error("registered without an answer to a strong match");
    await page.getByTestId("candidate").locator("select").selectOption({ index: 1 });
    await at.press("register.save");
    await page.waitForURL(/\/patients\/(?!new)[^/]+$/);

    // Both are found: by the sound of the name, by phone, and as typed.
    await page.keyboard.press("/");
    await page.getByTestId("search-input").pressSequentially("laksmi", { delay: 20 });
    await page.getByTestId("search-hit").nth(1).waitFor();
    await at.look("search-two");
    await page.getByTestId("search-input").fill("70000 41207");
    await page.getByTestId("search-hit").nth(1).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/patients\/(?!new)[^/]+$/);
    await at.leave();
  } finally {
    await box.stop();
  }
}

export const walks = [["the desk finds people, registers one, and is told of a possible duplicate", desk]];
