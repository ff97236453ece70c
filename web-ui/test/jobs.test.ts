// Exports as the form asks for them, jobs as lines, and parameters of the clinic's own.
import { afterEach, describe, expect, test } from "vitest";
import { startOf, useZone } from "../src/format/dates";
import { BadLine, byType, inFolder, kickOff, manifest, parts, pause, size } from "../src/screens/exchange/jobs";
import { BLANK, fields, record, TYPES, wrong } from "../src/screens/exchange/parameter";

afterEach(() => useZone("Asia/Kolkata"));

describe("an export", () => {
  test("of everything has no parameters", () => expect(kickOff({ level: "system", group: "", types: [], since: "" })).toEqual({ to: "$export", body: '{"resourceType":"Parameters"}' }));
  test("of a group, some types, since a day", () => {
    const { to, body } = kickOff({ level: "group", group: "a/b", types: ["Patient", "Encounter"], since: "2026-11-20T18:30:00Z" });
    expect(to).toBe("Group/a%2Fb/$export");
    expect(JSON.parse(body).parameter).toEqual([{ name: "_type", valueString: "Patient,Encounter" }, { name: "_since", valueInstant: "2026-11-20T18:30:00Z" }]);
  });
  test.each([["Asia/Kolkata", "2026-11-20T18:30:00Z"], ["UTC", "2026-11-21T00:00:00Z"], ["America/Lima", "2026-11-21T05:00:00Z"]])("a day begins where the clinic is: %s", (zone, at) => {
    useZone(zone);
    expect(startOf("2026-11-21")).toBe(at);
  });
  test.each(["2026-11", "2026-02-30", "", "x"])("%j is no day", (text) => expect(startOf(text)).toBeNull());
});

describe("a job", () => {
  test("is looked at soon while it runs", () => expect([pause([{ state: "done" }, { state: "running" }]), pause([{ state: "done" }]), pause([])]).toEqual([2_000, 15_000, 15_000]));
  test.each([[0, "0 B"], [999, "999 B"], [1_500, "1.5 kB"], [64_000, "64 kB"], [2_400_000, "2.4 MB"], [3_000_000_000, "3.0 GB"]])("%i bytes are %s", (bytes, text) => expect(size(bytes)).toBe(text));
  test("has the files of this box and no others", () => {
    const manifest = { output: [{ type: "Patient", url: "http://box/fhir/_jobs/1/Patient.ndjson", count: 3 }, { type: "Patient", url: "http://evil/x" }, { type: "Patient", url: "http://box/fhir/_jobs/2/Patient.ndjson", count: 1 }, { type: "Patient", url: "http://box/fhir/_jobs/1/../2/Patient.ndjson", count: 1 }, { inputUrl: "file:x" }], error: [{ type: "OperationOutcome", url: "https://other.name/fhir/_jobs/1/errors.ndjson", count: 1 }] };
    expect(parts(manifest, "1").map((part) => [part.role, part.url, part.count])).toEqual([["output", "_jobs/1/Patient.ndjson", 3], ["error", "_jobs/1/errors.ndjson", 1]]);
    expect([parts(null, ""), parts({ output: "x" }, "")]).toEqual([[], []]);
  });
});

describe("an import", () => {
  const patient = '{"resourceType":"Patient","id":"p1"}';
  const value = '{"resourceType":"Observation","valueQuantity":{"value":212.50}}';
  test("of lines is sent by type, in the order in which types come, digits and all", () => {
    expect(byType(`\uFEFF${patient}\r\n\n${value}\n ${patient} `)).toEqual([{ type: "Patient", text: `${patient}\n${patient}\n` }, { type: "Observation", text: `${value}\n` }]);
    expect([byType(""), byType(" \n")]).toEqual([[], []]);
  });
  test("of one record over several lines is one line", () => {
    const [only, ...rest] = byType('{\n  "resourceType": "Patient",\n  "id": "p 1"\n}\n');
    expect([only?.type, rest, only?.text.trimEnd().includes("\n"), JSON.parse(only?.text ?? "")]).toEqual(["Patient", [], false, { resourceType: "Patient", id: "p 1" }]);
  });
  test("comes in pieces that the box takes", () => {
    const pieces = byType(Array<string>(10).fill(patient).join("\n"), 3 * (patient.length + 1));
    expect(pieces.map((piece) => piece.text.split("\n").length - 1)).toEqual([3, 3, 3, 1]);
  });
  test.each([[`${patient}\nnot json`, 2], ['{"resourceType":"patient"}', 1], [`${patient}\n\n[1]`, 3], ["{", 1]])("%j names the line that is no record", (text, line) => {
    expect(() => byType(text)).toThrow(new BadLine(line));
  });
  test("of files in a folder, and its body", () => {
    expect(inFolder(" Patient  people.ndjson\n\nObservation 2026/all results.ndjson ")).toEqual([{ type: "Patient", url: "people.ndjson" }, { type: "Observation", url: "2026/all results.ndjson" }]);
    expect([inFolder("people.ndjson"), inFolder("patient people.ndjson"), inFolder("")]).toEqual([null, null, []]);
    expect(JSON.parse(manifest("urn:x", [{ type: "Patient", url: "a" }]))).toEqual({ inputFormat: "application/fhir+ndjson", inputSource: "urn:x", input: [{ type: "Patient", url: "a" }] });
  });
});

describe("a search parameter", () => {
  const good = { ...BLANK, code: "ward", url: "http://clinic.example/ward", base: "Patient, Encounter Patient", expression: "Patient.id", description: "The ward" };
  test("is written from the form", () => {
    expect(wrong(good)).toEqual({});
    expect(record(good)).toMatchObject({ resourceType: "SearchParameter", name: "Ward", code: "ward", base: ["Patient", "Encounter"], type: "token", status: "active" });
  });
  test("keeps what the form does not show", () => {
    const before = { resourceType: "SearchParameter", id: "w", meta: { versionId: "3" }, target: ["Location"], comparator: ["eq"], ...record(good) };
    expect(record({ ...fields(before), status: "retired" }, before)).toEqual({ ...before, status: "retired" });
  });
  test.each([["code", "1x", "exchange.parameter.badCode"], ["code", "_id", "exchange.parameter.badCode"], ["code", "", "exchange.parameter.missing"], ["url", "ward", "exchange.parameter.badUrl"], ["base", "patient", "exchange.parameter.badBase"], ["expression", " ", "exchange.parameter.missing"]] as const)("%s may not be %j", (field, value, key) => expect(wrong({ ...good, [field]: value })).toEqual({ [field]: key }));
  test("is of a type that a form can write", () => expect([...TYPES].filter((type) => ["special", "composite"].includes(type))).toEqual([]));
});
