import { describe, expect, it } from "vitest";
import type { Note, NoteSuggestion } from "../src/api/types";
import { fresh, isDirty, parted, saved, settled, told } from "../src/screens/room/note/draft";
import { dayAfter, openOnes, placeOf, withSuggestion } from "../src/screens/room/note/heard";
import { pinFault } from "../src/screens/me/pin";

const EMPTY: Note = { complaint: "", history: "", examination: "", assessment: "", plan: "", tests: "", advice: "", vitals: [], followUpOn: null, lmp: null, accepted: [] };
const said = (id: string, field: string, value: string, start = 0, unit: string | null = null): NoteSuggestion => ({ id, field, value, unit, start, end: start + 1000, passage: 0, speaker: "patient", words: value });

describe("what was heard", () => {
  it("waits in the order in which it was said, without what was taken or waved away", () => {
    const all = [said("x2", "history", "b", 2000), said("x1", "complaint", "a", 1000), said("x3", "vital.bp", "150/95", 500), said("x4", "unheard-of", "c", 0)];
    expect(openOnes(all, { accepted: ["x3"] }, new Set(["x2"])).map((one) => one.id)).toEqual(["x1"]);
    expect(all.map(placeOf)).toEqual(["history", "complaint", "vitals", null]);
  });
  it("is offered once, however often it was said", () => {
    const twice = [said("x1", "duration", "3 days", 1000), said("x2", "duration", "3 Days", 2000)];
    expect(openOnes(twice, { accepted: [] }, new Set()).map((one) => one.id)).toEqual(["x1"]);
    expect(openOnes(twice, { accepted: ["x1"] }, new Set())).toEqual([]);
    expect(openOnes(twice, { accepted: [] }, new Set(["x2"]))).toEqual([]);
  });
  it("enters once, where it belongs, and never over what is written", () => {
    const once = withSuggestion({ ...EMPTY, complaint: "Cough" }, said("x1", "complaint", "phlegm yellow"), "2026-11-23");
    expect([once.complaint, once.accepted]).toEqual(["Cough\nphlegm yellow", ["x1"]]);
    expect(withSuggestion(once, said("x1", "complaint", "phlegm yellow"), "2026-11-23")).toBe(once);
    const measured = withSuggestion(withSuggestion(EMPTY, said("x1", "vital.bp", "150/95", 0, "mm[Hg]"), "2026-11-23"), said("x2", "vital.bp", "140/90", 1, "mm[Hg]"), "2026-11-23");
    expect(measured.vitals).toEqual([{ kind: "bp", value: "140/90", unit: "mm[Hg]" }]);
    const medicine = withSuggestion(EMPTY, said("x1", "medicine", "paracetamol 650mg bd 5d"), "2026-11-23");
    expect(medicine).toEqual({ ...EMPTY, accepted: ["x1"] });
  });
  it("counts days, weeks and months, to the last day of a short month", () => {
    expect(["3 days", "1 week", "1 month", "soon"].map((span) => dayAfter("2026-01-31", span))).toEqual(["2026-02-03", "2026-02-07", "2026-02-28", null]);
    expect(withSuggestion(EMPTY, said("x1", "followUp", "7 days"), "2026-11-28").followUpOn).toBe("2026-12-05");
  });
});

describe("a draft", () => {
  it("keeps what is typed while it is being saved", () => {
    const draft = { ...fresh("a", 1), text: "ab" };
    const typed = { ...draft, text: "abc" };
    expect(isDirty(draft)).toBe(true);
    const after = saved(typed, "ab", 2);
    expect([after.text, after.stored, after.version, isDirty(after)]).toEqual(["abc", "ab", 2, true]);
  });
  it("shows both texts until a person has decided, and loses neither by itself", () => {
    const draft = { ...fresh("a", 1), text: "mine" };
    const both = told(draft, "theirs", 2);
    expect([both.text, both.theirs?.text, both.theirs?.why]).toEqual(["mine", "theirs", "stale"]);
    expect(settled(both, "ours")).toMatchObject({ text: "mine", stored: "theirs", version: 2, theirs: null });
    expect(settled(both, "theirs")).toMatchObject({ text: "theirs", version: 2, theirs: null });
    expect(parted(draft, "theirs", 5, "leased").theirs?.why).toBe("leased");
  });
  it("takes a newer text where nothing is typed, and none that is older", () => {
    expect(told(fresh("a", 1), "b", 2)).toMatchObject({ text: "b", version: 2 });
    expect(told(fresh("b", 2), "a", 1)).toMatchObject({ text: "b", version: 2 });
    expect(told({ ...fresh("a", 1), text: "b" }, "b", 2)).toMatchObject({ text: "b", version: 2, theirs: null });
  });
});

describe("a PIN", () => {
  it("has 6 to 12 digits that are not the first that anybody tries", () => {
    expect(["482913", "000000", "123456", "987654", "12345", "1234567890123", "12345a"].map(pinFault)).toEqual([null, "pin.easy", "pin.easy", "pin.easy", "pin.length", "pin.length", "pin.length"]);
  });
});
