// What people do on many walks: set the clinic up, sign in.
import { code, nextCode } from "./totp.mjs";

export const OWN_PASSWORD = "seven pages of a ledger in ink";

/** Signs in from the sign-in page. `person` is {username, password, secret?}; learns the secret at the first time. */
export async function signIn(visitor, person) {
  const { page } = visitor;
  await page.locator("#signin-name").fill(person.username);
  await page.locator("#signin-password").fill(person.password);
  await visitor.press("signin.go");
  const next = page.locator("#signin-code, #enrol-code, #new-password, .who").first();
  for (;;) {
    await next.waitFor();
    const at = await next.getAttribute("id");
    if (at === "new-password") {
      person.password = OWN_PASSWORD;
      await page.locator("#new-password").fill(person.password);
      await page.locator("#new-password-again").fill(person.password);
      await visitor.press("password.save");
    } else if (at === "enrol-code") {
      person.secret = (await page.getByTestId("totp-secret").innerText()).replace(/\s/g, "");
      await page.locator("#enrol-code").fill(code(person.secret));
      await visitor.press("continue");
      await page.getByTestId("recovery-codes").waitFor();
      await visitor.onRecoveryCodes?.();
      await page.getByRole("checkbox").check();
      await visitor.press("continue");
    } else if (at === "signin-code") {
      await page.locator("#signin-code").fill(nextCode(person.secret));
      await visitor.press("continue");
    } else {
      return;
    }
    await page.locator(`#${at}`).waitFor({ state: "detached" });
  }
}
