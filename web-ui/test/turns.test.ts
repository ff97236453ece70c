import { describe, expect, it } from "vitest";
import { Refused } from "../src/api/error";
import type { Consultation } from "../src/api/types";
import { actsOf, inOrder, isMinor, movedTo, type Act, type Rights } from "../src/screens/consultations/turns";
import { isOver, stepOf, yearOf } from "../src/screens/portal/own";

const AT = new Date("2026-11-23T06:00:00Z");
const NOBODY: Rights = { me: "p-9", desk: false, till: false, clinician: false, doctor: false };
const DESK: Rights = { me: "p-1", desk: true, till: true, clinician: false, doctor: false };
const DOCTOR: Rights = { me: "p-2", desk: true, till: false, clinician: true, doctor: true };

function one(change: Partial<Consultation> = {}): Consultation {
  return {
    id: "c-1", revision: 1, state: "WAITING", steps: [{ state: "REQUESTED", since: "2026-11-23T05:50:00Z" }, { state: "WAITING", since: "2026-11-23T05:55:00Z" }],
    flags: [], colour: "green", specialty: "general", language: "hi", urgency: "routine", mode: "video", doctor: { id: "p-2", name: "Dr Meera" }, doctors: [],
    payment: null, arrived: false, identity: false, consent: null, transfer: null, addenda: [], ...change,
  } as Consultation;
}
const open = { id: "m-1", state: "PENDING" } as Consultation["payment"];

describe("what may be asked of a consultation", () => {
  const table: [string, Partial<Consultation>, Rights, Act[]][] = [
    ["nobody moves what their role does not reach", {}, NOBODY, []],
    ["a request is given to a doctor", { state: "REQUESTED", doctor: null }, DESK, ["assign", "identity", "consent", "arrived", "invite", "cancel"]],
    ["money is taken before the doctor begins", { state: "PENDING_PAYMENT", payment: open }, DESK, ["pay", "identity", "consent", "arrived", "invite", "cancel"]],
    ["a clinician lets nobody wait for money", { state: "PENDING_PAYMENT", payment: open }, DOCTOR, ["identity", "consent", "arrived", "invite", "emergency", "cancel"]],
    ["nothing begins without identity and consent", { consent: "implied", arrived: true }, DOCTOR, ["identity", "invite", "cancel"]],
    ["with both the doctor begins", { identity: true, consent: "implied", arrived: true, mode: "inPerson" }, DOCTOR, ["start", "cancel"]],
    ["another doctor's patient is not begun", { identity: true, consent: "voice", arrived: true, doctor: { id: "p-3", name: "Dr Imran" } as Consultation["doctor"] }, DOCTOR, ["invite", "cancel"]],
    ["an active one is ended or handed on", { state: "ACTIVE" }, DOCTOR, ["complete", "transfer"]],
    ["an offer is taken back by whoever made it", { state: "ACTIVE", transfer: { by: "Dr Meera", to: "p-3", toName: "Dr Imran", reason: "skin" } }, DOCTOR, ["complete", "takeBack"]],
    ["an offer is answered by whom it is made to", { state: "ACTIVE", doctor: null, transfer: { by: "Dr Imran", to: "p-2", toName: "Dr Meera", reason: "heart" } }, DOCTOR, ["accept", "decline"]],
    ["a fee that is due afterwards is taken too", { state: "ACTIVE", payment: open }, DESK, ["pay"]],
    ["nothing is left when it is over", { state: "COMPLETED", payment: { ...open, state: "PAID" } as Consultation["payment"] }, { ...DESK, doctor: true }, []],
  ];
  for (const [name, change, rights, acts] of table) it(name, () => expect(actsOf(one(change), rights, AT)).toEqual(acts));
  it("absence is said after a quarter of an hour, and not of somebody who was here", () => {
    const later = (minutes: number) => new Date(AT.getTime() + minutes * 60_000);
    expect(actsOf(one(), DOCTOR, later(9))).not.toContain("absent");
    expect(actsOf(one(), DOCTOR, later(10))).toContain("absent");
    expect(actsOf(one({ arrived: true }), DOCTOR, later(10))).not.toContain("absent");
  });
});

it("danger comes first, then who asked first", () => {
  const at = (since: string) => [{ state: "REQUESTED" as const, since }];
  const all = [one({ id: "late", steps: at("2026-11-23T05:59:00Z") }), one({ id: "early", steps: at("2026-11-23T05:00:00Z") }), one({ id: "soon", colour: "yellow", steps: at("2026-11-23T05:58:00Z") }), one({ id: "now", colour: "red", steps: at("2026-11-23T05:59:30Z") })];
  expect(inOrder(all).map(({ id }) => id)).toEqual(["now", "soon", "early", "late"]);
});

it("somebody under 18 needs a grown-up, a year of birth is enough to tell", () => {
  expect([isMinor("2008-11-24", AT), isMinor("2008-11-23", AT), isMinor("2026-09-01", AT), isMinor("1985", AT), isMinor(null, AT)]).toEqual([true, false, true, false, false]);
});

it("a conflict tells where it stands only when that is another place", () => {
  const refused = (status: number, state?: string) => new Refused(status, "stale", "", null, { state });
  expect(movedTo(refused(409, "ACTIVE"), "WAITING")).toBe("ACTIVE");
  expect(movedTo(refused(409, "WAITING"), "WAITING")).toBeNull();
  expect(movedTo(refused(422, "ACTIVE"), "WAITING")).toBeNull();
  expect(movedTo(new Error("x"), "WAITING")).toBeNull();
});

it("a patient's page knows the way and reads years", () => {
  expect((["REQUESTED", "PENDING_PAYMENT", "WAITING", "ACTIVE"] as const).map((state) => stepOf({ state }))).toEqual([0, 1, 2, 3]);
  expect([isOver({ state: "NO_SHOW" }), isOver({ state: "ACTIVE" })]).toEqual([true, false]);
  expect([yearOf(" 1984 "), yearOf("84"), yearOf("3084"), yearOf("19845")]).toEqual([1984, null, null, null]);
});
