// A consultation on the real box: doctor and patient see and hear each other, write, lose the line and go on.
import { until } from "../lib/calls.mjs";
import { ask, consultation, meet } from "../lib/room.mjs";

export const walks = [
  ["doctor and patient meet on the real box, write, lose the line and come back", () => consultation(async ({ box, id, doctor, patient }) => {
    const began = Date.now();
    for (const { page } of [doctor, patient]) await page.evaluate(() => window.meet());
    await meet(doctor, patient);
    console.log(`     they see and hear each other ${((Date.now() - began) / 1000).toFixed(1)} s after they asked for their cameras`);
    const mode = (page) => page.evaluate(() => window.room.mode);
    await until("the mode is video", async () => (await mode(patient.page)) === "video");

    await doctor.page.evaluate(() => window.room.chat("Namaste"));
    const texts = (page) => page.evaluate(() => window.room.messages.map((message) => message.text));
    await until("it is read", async () => (await texts(patient.page)).join() === "Namaste");
    // The patient's socket is cut; what is written meanwhile is there afterwards, once, and so is what the patient wrote.
    await patient.page.evaluate(() => { window.cut(); window.room.chat("Khansi"); });
    await doctor.page.evaluate(() => window.room.chat("Kab se?"));
    await until("the line is back", () => patient.page.evaluate(() => window.seen.states.join() === "in,waiting,in"));
    for (const { page } of [doctor, patient]) await until("all is read", async () => (await texts(page)).toSorted().join() === "Kab se?,Khansi,Namaste");
    if ((await patient.page.evaluate(() => window.pcs.length)) !== 1) throw new Error("the call began anew after a cut of the socket alone");
    await meet(doctor, patient);

    // Without a picture of the patient it is audio; the segment stands in the record.
    await patient.page.evaluate(() => window.room.mute({ audio: false, video: true }));
    await until("the mode is audio", async () => (await mode(doctor.page)) === "audio");
    const { segments } = await ask(doctor.page, "GET", `/api/consultations/${id}/segments`);
    const modes = segments.map((segment) => segment.mode).join();
    if (!modes.endsWith("video,audio")) throw new Error(`segments: ${modes}`);

    // The patient's browser is gone: the consultation is interrupted, and its doctor may end it all the same.
    const where = () => ask(doctor.page, "GET", `/api/consultations/${id}`);
    await patient.page.evaluate(() => { for (const pc of window.pcs) pc.close(); window.room.leave(); });
    await until("it is interrupted", async () => (await where()).interrupted !== null);
    await doctor.page.evaluate(() => window.room.leave());
    await ask(doctor.page, "POST", `/api/consultations/${id}/complete`, { expected: "ACTIVE" });
    const written = await box.fhir("GET", `/Communication?encounter=Encounter/${id}`);
    if (written.entry.length !== 3) throw new Error(`${written.entry.length} Communications`);
  })],
];
