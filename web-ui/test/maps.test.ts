import { describe, expect, test } from "vitest";
import type { InboxMessage, Maps, SentCode } from "../src/api/types";
import { CODE_PLACES, codeDraft, codeFaults, codeIndex, entryOf, FIELD_PLACES, fieldDraft, fieldFaults, fieldIndex, found, NO_CODE, NO_FIELD, ruleOf, sorted, whose, withEntry } from "../src/screens/exchange/maps/maps";
import { codesOf, draftOf, fieldsOf, teaches } from "../src/screens/exchange/maps/sent";

const HB: SentCode = { codeSystem: "99CP", code: "HB", to: { system: "http://loinc.org", code: "718-7", display: "Hemoglobin" } };
const SEX: SentCode = { table: "sex", code: "W", to: { code: "female" } };
const all = [HB, SEX, { table: "v2-0007", code: "R", to: { system: "http://snomed.info/sct", code: "50849002" } }, { table: "unit", code: "gm%", to: { system: "http://unitsofmeasure.org", code: "g/dL" } }];

describe("a code of a sender", () => {
  test.each(all)("survives its form: $code", (entry) => expect(entryOf(codeDraft(entry))).toEqual(entry));
  test("needs its list, its code and where it leads", () => {
    expect(codeFaults({ ...NO_CODE, system: "loinc" }, [])).toEqual({ own: "maps.bad.own", code: "maps.bad.code", to: "maps.bad.to", system: "maps.bad.address" });
    expect(codeFaults({ ...NO_CODE, by: "hl7", number: "7", code: "x", to: "a  b" }, [])).toEqual({ number: "maps.bad.number", to: "maps.bad.to" });
    expect(codeFaults(codeDraft(SEX), [HB])).toEqual({});
  });
  test("stands once in its list, whatever the case", () => {
    expect(codeFaults({ ...codeDraft(HB), own: "99cp", code: "hb" }, [HB])).toEqual({ code: "maps.bad.twice" });
    expect(codeFaults({ ...codeDraft(HB), own: "99XY" }, [HB])).toEqual({});
  });
  test("is found again after somebody else's change", () => {
    const maps: Maps = { concepts: [SEX, HB], zsegments: [] };
    expect(codeIndex(maps, { ...HB, to: { code: "other" } })).toBe(1);
    expect(codeIndex({ ...maps, concepts: [SEX] }, HB)).toBe(-1);
  });
  test("is found by its words", () => expect(found(all, "cp 718", (one) => `${whose(one)} ${one.code} ${one.to.code}`).map((one) => one.at)).toEqual([0]));
});

describe("a field of a Z-segment", () => {
  const rules = [
    { field: "ZPI-2", resource: "Patient", extension: { url: "urn:clinic:token", type: "string" } },
    { field: "ZPI-3.1", resource: "Patient", identifier: { system: "urn:clinic:ration-card" } },
    { field: "ZPI-4", observation: { system: "http://loinc.org", code: "8302-2", display: "Body height", type: "decimal", unit: "cm" } },
  ];
  test.each(rules)("survives its form: $field", (rule) => {
    expect(ruleOf(fieldDraft(rule))).toEqual(rule);
    expect(fieldFaults(fieldDraft(rule))).toEqual({});
  });
  test("is of a Z-segment and has an address", () => expect(fieldFaults({ ...NO_FIELD, field: "PID-3", form: "observation" })).toEqual({ field: "maps.bad.field", address: "maps.bad.address", code: "maps.bad.to" }));
  test("only a decimal has a unit", () => expect(ruleOf({ ...NO_FIELD, field: "ZPI-4", form: "observation", address: "http://loinc.org", code: "1", type: "integer", unit: "cm" })).toEqual({ field: "ZPI-4", observation: { system: "http://loinc.org", code: "1", type: "integer" } }));
  test("is found again", () => expect(fieldIndex({ concepts: [], zsegments: rules }, { ...rules[1], field: "ZPI-3.1" })).toBe(1));
});

test("an entry takes the place of another, stands at the end, or goes", () => {
  expect(withEntry([1, 2, 3], 1, 9)).toEqual([1, 9, 3]);
  expect(withEntry([1, 2], -1, 9)).toEqual([1, 2, 9]);
  expect(withEntry([1, 2], 0, null)).toEqual([2]);
});

test("what the box finds wrong is shown at its field, and the rest below", () => {
  const issues = [{ place: "concepts[1].to.system", message: "no URI" }, { place: "concepts[1].to.code", message: "none" }, { place: "concepts[10].code", message: "twice" }, { place: null, message: "too long" }];
  expect(sorted(issues, "concepts[1]", CODE_PLACES)).toEqual({ at: { system: "no URI", to: "none" }, elsewhere: issues.slice(2) });
  expect(sorted([{ place: "zsegments[0].observation.unit", message: "no unit" }, { place: "zsegments[0].identifier.system", message: "no URI" }], "zsegments[0]", FIELD_PLACES).at).toEqual({ unit: "no unit", address: "no URI" });
});

describe("what a message brought", () => {
  const segment = (name: string, fields: Record<number, string>) => ({ name, index: 0, fields: Object.entries(fields).map(([number, text]) => ({ number: Number(number), text })) });
  const message = {
    unknownCodes: [{ path: "PID-8", value: "Stri" }, { path: "PV1-2", value: "ICU" }, { path: "ZZ1-9", value: "q" }],
    unmapped: [{ path: "ZPI-1", value: "1" }, { path: "ZPI[2]-1", value: "2" }, { path: "ZPI-2", value: "T-1" }, { path: "PID-32", value: "x" }],
    segments: [segment("OBX", { 2: "NM", 3: "HB^Hb^99CP", 5: "A^b^99CP" }), segment("OBX", { 2: "CWE", 3: "2339-0^Glucose^LN", 5: "POS^Positive^L~NEG^^99CP" }), segment("PID", { 3: "7^^CITY^MR" })],
  } as unknown as InboxMessage;
  const none: Maps = { concepts: [], zsegments: [] };
  test("are its codes in no table and those of the sender's own lists", () =>
    expect(codesOf(message, none).map((one) => [one.place, one.code, one.table || one.own])).toEqual([["PID-8", "Stri", "sex"], ["PV1-2", "ICU", "encounter-class"], ["ZZ1-9", "q", ""], ["OBX-3", "HB", "99CP"], ["OBX-5", "POS", "L"], ["OBX-5", "NEG", "99CP"]]));
  test("but not those that have a meaning by now", () => expect(codesOf(message, { ...none, concepts: [HB, { table: "sex", code: "stri", to: { code: "female" } }] }).map((one) => one.code)).toEqual(["ICU", "q", "POS", "NEG"]));
  test("become forms", () => {
    expect(codesOf(message, none).map(draftOf).map((draft) => [draft.by, draft.system])).toEqual([["table", ""], ["table", ""], ["table", ""], ["own", "http://loinc.org"], ["own", "http://loinc.org"], ["own", "http://loinc.org"]]);
  });
  test("are the fields of its Z-segments", () => expect(fieldsOf(message, { ...none, zsegments: [{ field: "ZPI-2" }] })).toEqual([{ field: "ZPI-1", value: "1" }]));
  test("may be nothing", () => expect(teaches({ unknownCodes: [], unmapped: [], segments: [] } as unknown as InboxMessage)).toBe(false));
});
