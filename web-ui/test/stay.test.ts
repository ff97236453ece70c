import { describe, expect, it } from "vitest";
import type { Caption, Person } from "../src/room";
import { MOST_LINES, offset, runsOf, withCaption } from "../src/screens/room/captions";
import { reason, wanted } from "../src/screens/room/devices";
import { columns, initials, order } from "../src/screens/room/stage";

function line(change: Partial<Caption> = {}): Caption {
  return { speaker: "p-1", id: 1, revision: 1, startMs: 0, endMs: 900, words: [{ text: "fever" }, { text: "since" }, { text: "three" }], firm: 1, state: "partial", ...change };
}
function person(change: Partial<Person> = {}): Person {
  return { id: "p-1", name: "Dr Meera Kulkarni", part: "doctor", here: true, peer: 1, up: true, muted: { audio: false, video: false }, screen: false, agrees: false, agreesRecording: false, ...change };
}

describe("captions", () => {
  it("a newer revision replaces the words, an older one that comes late does not", () => {
    const first = withCaption([], line());
    const grown = withCaption(first, line({ revision: 2, words: [{ text: "fever" }, { text: "for" }] }));
    expect(grown).toHaveLength(1);
    expect(withCaption(grown, line())).toEqual(grown);
    const fixed = withCaption(grown, line({ revision: 2, state: "committed" }));
    expect(fixed[0]?.state).toBe("committed");
    expect(withCaption(fixed, line({ revision: 2 }))).toEqual(fixed);
  });
  it("lines stand where they began, whoever speaks, and old ones make room", () => {
    const all = [line({ id: 1, startMs: 5_000 }), line({ speaker: "p-2", id: 1, startMs: 2_000 }), line({ id: 2, startMs: 9_000 }), line({ speaker: "p-2", id: 2, startMs: 5_000 })].reduce<Caption[]>(withCaption, []);
    expect(all.map((one) => `${one.speaker} ${one.startMs}`)).toEqual(["p-2 2000", "p-1 5000", "p-2 5000", "p-1 9000"]);
    const many = Array.from({ length: MOST_LINES + 5 }, (_, id) => line({ id, startMs: id })).reduce<Caption[]>(withCaption, []);
    expect([many.length, many[0]?.id]).toEqual([MOST_LINES, 5]);
  });
  it("what may still change and what was heard badly look different", () => {
    const words = [{ text: "take" }, { text: "two" }, { text: "fifty", doubt: "number" }, { text: "twice" }];
    expect(runsOf(line({ words, firm: 2 }))).toEqual([{ text: "take two", tentative: false, doubt: false }, { text: "fifty", tentative: true, doubt: true }, { text: "twice", tentative: true, doubt: false }]);
    expect(runsOf(line({ words, firm: 0, state: "committed" })).map((run) => run.tentative)).toEqual([false, false, false]);
  });
  it("times count from the beginning", () => expect([0, 65_400, 3_600_000, -5].map(offset)).toEqual(["00:00", "01:05", "1:00:00", "00:00"]));
});

describe("the stage", () => {
  it("whom it is about is large: the patient for the clinic, the doctor for the patient, a screen before all", () => {
    const doctor = person({ id: "d" });
    const nurse = person({ id: "n", part: "staff", name: "Rekha Salve", peer: 2 });
    const patient = person({ id: "x", part: "patient", name: "Farida Shaikh", peer: 3 });
    const reader = person({ id: "r", part: "staff", name: "Asha", peer: null });
    const ids = (you: string, all = [nurse, doctor, patient, reader]) => order(all, you).map(({ id }) => id);
    expect(ids("d")).toEqual(["x", "n"]);
    expect(ids("x")).toEqual(["d", "n"]);
    expect(ids("d", [doctor, patient, { ...nurse, screen: true }])).toEqual(["n", "x"]);
  });
  it("six people fit", () => expect([0, 1, 2, 4, 5].map(columns)).toEqual([1, 1, 2, 2, 3]));
  it("letters stand for a name without its title, in its own script", () => expect(["Dr Meera Venkatasubramanian Kulkarni", "Farida", "फ़रीदा बेगम", ""].map(initials)).toEqual(["MK", "F", "फ़बे", ""]));
});

describe("devices", () => {
  it("a chosen device is wished for, never insisted on", () => {
    expect(wanted({ audio: "mic-2", video: "" }, false)).toEqual({ audio: { deviceId: { ideal: "mic-2" }, echoCancellation: true, noiseSuppression: true, autoGainControl: true }, video: false });
    expect(wanted({ audio: "", video: "cam-1" }, true).video).toMatchObject({ deviceId: { ideal: "cam-1" }, width: { ideal: 640 } });
  });
  it("each obstacle has its sentence", () => expect(["NotAllowedError", "NotFoundError", "NotReadableError", "Other"].map((name) => reason(new DOMException("", name)))).toEqual(["room.device.refused", "room.device.none", "room.device.busy", "room.device.unknown"]));
});
