// What leaves the box: one message that a receiver does not want is looked at, sent in another version and taken; one is given
// up with a reason; a receiver is paused.
import { createServer } from "node:net";
import { Box } from "../lib/box.mjs";
import { signIn } from "../lib/steps.mjs";
import { Visitor } from "../lib/visitor.mjs";

/** A receiver of MLLP that answers as it is told to. */
async function receiver() {
  const got = [];
  const to = { code: "AE", got };
  const server = createServer((socket) => {
    let read = "";
    socket.on("error", () => {});
    socket.on("data", (piece) => {
      read += piece.toString("utf8");
      for (let end = read.indexOf("\x1c\r"); end >= 0; end = read.indexOf("\x1c\r")) {
        const message = read.slice(read.indexOf("\x0b") + 1, end);
        read = read.slice(end + 2);
        got.push(message);
        const id = message.split("\r")[0].split("|")[9];
        socket.write(`\x0bMSH|^~\\&|HIS|HOSP|CLINICVAULT|BOX|20260203||ACK|R${got.length}|P|2.5.1\rMSA|${to.code}|${id}|Ward is not known here\r\x1c\r`);
      }
    });
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  to.port = server.address().port;
  to.close = () => server.close();
  return to;
}

const patient = (id, family) => ({ resourceType: "Patient", id, identifier: [{ system: "urn:oid:1.2.3", value: id }], name: [{ family, given: ["Uma"] }], gender: "female" });

async function outbox(browser) {
  const box = await new Box().init().start();
  const his = await receiver();
  try {
    const at = await Visitor.arrive(browser, box);
    const { page } = at;
    await signIn(at, box.staff("meera", "Dr Meera Kulkarni", "doctor", "owner"));
    await page.goto("/outbox");
    await at.sees("outbox.empty.all");
    await at.look("outbox-empty");

    // The channel is made with the form; what changes from now on leaves.
    await page.goto("/exchange/channels/new");
    await page.getByRole("radio", { name: at.t("channels.kind.records") }).check();
    await page.locator("#channel-name").fill("to-his");
    await page.locator("#channel-messages").fill("ADT^A04, ADT^A08");
    await page.locator("#channel-to").fill(`127.0.0.1:${his.port}`);
    await at.press("channels.form.make");
    await page.getByTestId("channel-row").filter({ hasText: "to-his" }).getByText(at.t("channels.state.running"), { exact: true }).waitFor();
    await box.fhir("PUT", "/Patient/p1", patient("p1", "Sathe"));
    await box.fhir("PUT", "/Patient/p2", patient("p2", "Kale"));

    await page.goto("/outbox");
    const rows = page.getByTestId("outbox-row");
    const stopped = rows.filter({ hasText: at.t("outbox.state.failed") });
    await stopped.nth(1).waitFor();
    await stopped.first().getByRole("link").click();
    await page.getByTestId("outbox-attempt").getByText("Ward is not known here").waitFor();
    await at.look("outbox-stopped");

    // Sent again as it is, it stops again; another version is taken, and the first is kept.
    await at.press("outbox.resend");
    await page.getByTestId("outbox-attempt").nth(1).waitFor();
    his.code = "AA";
    await at.press("outbox.edit");
    const text = page.locator("#outbox-text");
    await text.fill((await text.inputValue()).replace(/\|\|ADT/, "|WARD 3|ADT"));
    await at.look("outbox-edit");
    await at.press("outbox.sendEdited");
    await page.getByTestId("outbox-message").getByText(at.t("outbox.state.sent"), { exact: true }).waitFor();
    await at.sees("outbox.replaces");
    if (!his.got.at(-1).includes("|WARD 3|ADT")) throw new Error(`another text was sent: ${his.got.at(-1)}`);
    await at.look("outbox-replaced");

    // The other is given up, with a reason.
    await stopped.first().getByRole("link").click();
    await page.getByTestId("outbox-message").getByText(at.t("outbox.failedText")).waitFor();
    await at.press("outbox.giveUp");
    await page.getByRole("dialog").getByRole("button", { name: at.t("outbox.giveUp") }).click();
    await at.sees("outbox.reasonMissing");
    await at.look("outbox-give-up");
    await page.locator("#give-up-reason").fill("The hospital has her already");
    await page.getByRole("dialog").getByRole("button", { name: at.t("outbox.giveUp") }).click();
    await page.getByTestId("outbox-message").getByText("The hospital has her already").waitFor();

    // Paused, what changes waits; then it goes on.
    await page.getByRole("button", { name: at.t("outbox.pauseWho", { name: "to-his/receiver" }) }).click();
    await page.getByRole("button", { name: at.t("outbox.resumeWho", { name: "to-his/receiver" }) }).waitFor();
    const before = his.got.length;
    await box.fhir("PUT", "/Patient/p3", patient("p3", "Desai"));
    await rows.filter({ hasText: at.t("outbox.noAttempt") }).waitFor();
    if (his.got.length !== before) throw new Error("a paused receiver was sent to");
    await at.look("outbox-paused");
    await page.getByRole("button", { name: at.t("outbox.resumeWho", { name: "to-his/receiver" }) }).click();
    await rows.filter({ hasText: at.t("outbox.noAttempt") }).waitFor({ state: "detached" });
    await at.leave();

    const other = await Visitor.arrive(browser, box, { lang: "hi", theme: "dark" });
    await signIn(other, box.staff("asha", "Dr Asha Patil", "doctor"));
    await other.page.goto("/outbox");
    await other.page.getByTestId("outbox-row").first().getByRole("link").click();
    await other.page.getByTestId("outbox-attempt").first().waitFor();
    await other.look("outbox-message");
    await other.leave();
  } finally {
    his.close();
    await box.stop();
  }
}

export const walks = [["a message that a receiver does not want is changed, given up, and a receiver paused", outbox]];
