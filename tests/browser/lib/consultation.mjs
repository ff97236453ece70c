// A consultation up to the moment in which its doctor begins it: people, presence, patient, queue.
import { until } from "./calls.mjs";
import { signIn } from "./steps.mjs";
import { Visitor } from "./visitor.mjs";

/** Asks the box as the signed-in person of a page. */
export async function asked(at, method, path, data) {
  const answer = await at.page.request.fetch(`${at.box.url}${path}`, { method, data, headers: { "x-clinicvault": "1", "sec-fetch-site": "same-origin" } });
  if (!answer.ok()) throw new Error(`${method} ${path}: ${answer.status()} ${await answer.text()}`);
  return answer.status() === 204 ? null : answer.json();
}

/** The doctor is signed in and ONLINE, the patient waits with identity and consent noted; `token` opens the patient's page. */
export async function consultation(browser, box, wish = {}) {
  const meera = box.staff("meera", "Dr Meera Venkatasubramanian Kulkarni", "doctor");
  const sanjana = box.staff("sanjana", "Sanjana Gite", "reception");
  const asha = box.staff("asha", "Asha Rao", "owner");
  const owner = await Visitor.arrive(browser, box);
  await signIn(owner, asha);
  const { doctors } = await asked(owner, "GET", "/api/presence");
  await asked(owner, "PUT", `/api/presence/${doctors[0].id}/profile`, { specialties: ["general"], languages: ["hi", "en"] });
  await asked(owner, "PATCH", `/api/users/${doctors[0].id}`, { registration: "MMC 2011/04/1234", qualification: "MBBS, MD" });
  await owner.leave();

  const doctor = await Visitor.arrive(browser, box);
  await signIn(doctor, meera);
  await asked(doctor, "POST", "/api/presence/me", { state: "ONLINE" });
  const desk = await Visitor.arrive(browser, box);
  await signIn(desk, sanjana);
  const farida = await asked(desk, "POST", "/api/patients", { name: "Farida Begum Shaikh", birth: { ageYears: 34 }, sex: "F", phone: "7000045519", noPhone: false, village: "Hadapsar", decisions: [], key: "walk-room-farida" });
  const one = await asked(desk, "POST", "/api/consultations", { patientId: farida.id, complaint: "Cough 4 days, fever 2 days, worse at night", specialty: "general", language: "hi", mode: "video", urgency: "routine", flags: [], key: "walk-room-1", ...wish });
  if (one.state !== "WAITING") throw new Error(`without a price it does not wait for money: ${one.state}`);
  await asked(desk, "POST", `/api/consultations/${one.id}/identity`, { expected: "WAITING", how: "known" });
  await asked(desk, "POST", `/api/consultations/${one.id}/consent`, { expected: "WAITING", form: "voice" });
  const { token } = await asked(desk, "POST", `/api/patients/${farida.id}/join-link`);
  await desk.leave();
  return { asha, doctor, meera, farida, one, token };
}

/** Pictures of the other one move. */
export async function moves(at, who) {
  const frames = () => at.page.evaluate(() => [...document.querySelectorAll("[data-testid=tile] video")].map((v) => v.getVideoPlaybackQuality().totalVideoFrames));
  let before = [];
  await until(`pictures move at ${who}`, async () => {
    const now = await frames();
    const good = now.length > 0 && now.every((n, i) => n > (before[i] ?? Infinity));
    before = now;
    return good;
  }, 60);
}
