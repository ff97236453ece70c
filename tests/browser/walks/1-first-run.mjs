// From an empty folder to an owner at work, in the browser alone.
import { Box } from "../lib/box.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

const OWNER = { username: "meera", password: "Peacock-register-77 margin" };

async function firstRun(browser) {
  const box = await new Box().start();
  try {
    const owner = await Visitor.arrive(browser, box);
    const { page } = owner;
    await page.locator("#setup-code").fill(box.setupCode);
    await owner.look("setup-language");
    await owner.press("continue");
    await page.locator("#clinic-name").fill("Nandini Clinic");
    await page.locator("#clinic-place").fill("Sangamner");
    await owner.look("setup-clinic");
    await owner.press("continue");
    await page.locator("#owner-name").fill("Dr Meera Kulkarni");
    await page.locator("#owner-username").fill(OWNER.username);
    await page.locator("#owner-password").fill(OWNER.password);
    await page.locator("#owner-password-again").fill(OWNER.password);
    await owner.look("setup-owner");
    await owner.press("continue");
    await owner.look("setup-start");
    await owner.press("setup.make");

    const groups = page.getByTestId("recovery-groups").locator("b:visible");
    await groups.first().waitFor({ timeout: 60_000 });
    const key = await groups.allInnerTexts();
    await owner.look("setup-recovery");
    await owner.press("recovery.byHand");
    if (await page.getByText(key[0]).isVisible()) throw new Error("the key is still on the screen after it was written down");
    for (const field of await page.locator("input[id^=group-]").all()) {
      const n = Number((await field.getAttribute("id")).replace("group-", ""));
      await field.fill(key[n - 1]);
    }
    await owner.look("setup-recovery-typed");
    await owner.press("continue");
    await page.locator("#signin-name, #enrol-code, .who").first().waitFor();
    if (await page.locator("#signin-name").isVisible()) await signIn(owner, OWNER);
    await page.locator(".who").waitFor();
    await owner.look("home-owner");

    // The owner adds a doctor and reads out the temporary password.
    await page.goto("/users");
    await owner.press("users.add");
    await page.locator("#user-name").fill("Dr Imran Shaikh");
    await page.locator("#user-username").fill("imran");
    await page.getByRole("checkbox", { name: owner.t("role.doctor"), exact: true }).check();
    await owner.look("users-add");
    await page.locator("button[form=user-form]").click();
    const secret = page.getByTestId("temporary-password");
    await secret.waitFor();
    const doctor = { username: "imran", password: (await secret.innerText()).trim() };
    await owner.press("users.secretDone");
    await page.getByText("Dr Imran Shaikh").first().waitFor();
    await owner.look("users");
    await owner.leave();

    // The doctor signs in: own password, authenticator, and later with its code.
    for (const visit of ["the first time", "again"]) {
      const at = await Visitor.arrive(browser, box);
      await signIn(at, doctor);
      if (!doctor.secret) throw new Error("no second factor was asked for");
      if ((await at.page.getByText("Imran").count()) === 0) throw new Error(`${visit}: somebody else is signed in`);
      await at.leave();
    }
  } finally {
    await box.stop();
  }
}

export const walks = [["a clinic is set up in the browser, its owner adds a doctor, who signs in with a code", firstRun]];
