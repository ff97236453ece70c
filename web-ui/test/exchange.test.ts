import { describe, expect, test } from "vitest";
import { far, rest } from "../src/screens/exchange/indexing";
import { items, member, plain, read, slip } from "../src/screens/exchange/json";
import { issues, leadsTo, say } from "../src/screens/exchange/say";
import { abilities, suggest } from "../src/screens/exchange/suggest";
import { brief, cell, columns, lines, pages } from "../src/screens/exchange/table";

describe("a JSON text as a tree", () => {
  test("numbers keep their spelling and members their order", () => {
    const node = read('{ "b": 72.50, "a": [1e2, -0.0, true, null], "s": "a\\"\\u0905\\n" }');
    expect(node.kind === "object" && node.members.map((m) => m.name)).toEqual(["b", "a", "s"]);
    expect(plain(member(node, "b"))).toBe("72.50");
    expect(items(member(node, "a")).map(plain)).toEqual(["1e2", "-0.0", "true", "null"]);
    expect(plain(member(node, "s"))).toBe('a"अ\n');
  });
  test.each(["", "{", "[1,]", '{"a" 1}', "01", "nul", "truex", '"\\x"', '{"a":1} 2', "[".repeat(200) + "]".repeat(200)])("%j is refused", (text) => expect(() => read(text)).toThrow(SyntaxError));
  test("it reads what the platform's own parser reads", () => {
    for (const text of ['{"a":{"b":[{},[],"",0,-1.5E+3,false]}}', ' [ ] ', '"x"']) {
      const back = (node: ReturnType<typeof read>): unknown => node.kind === "object" ? Object.fromEntries(node.members.map((m) => [m.name, back(m.node)])) : node.kind === "array" ? node.items.map(back) : node.kind === "string" ? node.text : (JSON.parse(node.text) as unknown);
      expect(back(read(text))).toEqual(JSON.parse(text));
    }
  });
});

describe("a text that a person wrote", () => {
  test("is right, or wrong on a line", () => {
    expect(slip('{"a": [{"b": 1}, {"b": 2}]}')).toBeNull();
    expect(slip('{\n "a": 1,\n "b" 2\n}')).toEqual({ line: 3, twice: null });
  });
  test("says which name stands twice, however it is written", () => {
    expect(slip('{"rules": {\n"strict": true,\n"x": {"strict": 1},\n"str\\u0069ct": false}}')).toEqual({ line: 4, twice: "strict" });
    expect(plain(member(read('{"a": 1, "a": 2}'), "a"))).toBe("1");
  });
});

describe("a line for an element", () => {
  test.each([
    ['{"text":"Fever","coding":[{"code":"1"}]}', "Fever"],
    ['{"coding":[{"system":"s","code":"2823-3","display":"Potassium"}]}', "Potassium"],
    ['[{"family":"Pawar","given":["Lakshmi","Devi"]}]', "Lakshmi Devi Pawar"],
    ['{"reference":"Patient/1"}', "Patient/1"],
    ['{"value":5.90,"unit":"mmol/L","system":"http://unitsofmeasure.org"}', "5.90 mmol/L"],
    ['{"comparator":"<","value":4,"unit":"mg"}', "< 4 mg"],
    ['{"start":"2026-01-01"}', "2026-01-01 –"],
    ['{"line":["4 Hill Road"],"city":"Sangamner","state":"MH"}', "4 Hill Road, Sangamner, MH"],
    ['{"system":"http://x","value":"NC-1"}', "NC-1"],
    ['{"resourceType":"Patient","id":"7"}', "Patient/7"],
    ["true", "true"],
  ])("%s", (text, wanted) => expect(say(read(text))).toBe(wanted));
  test("only references and links of the own box lead somewhere", () => {
    const base = "https://box/fhir";
    expect(leadsTo("reference", "Patient/1", base)).toBe("Patient/1");
    expect(leadsTo("reference", "https://box/fhir/Patient/1", base)).toBe("Patient/1");
    expect(leadsTo("fullUrl", "https://box/fhir/Patient/1", base)).toBe("Patient/1");
    for (const away of ["https://elsewhere/fhir/Patient/1", "urn:uuid:1", "#c", "javascript:x"]) expect(leadsTo("reference", away, base)).toBeNull();
    expect(leadsTo("display", "Patient/1", base)).toBeNull();
  });
  test("an outcome is its issues", () => {
    expect(issues(read('{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"value","diagnostics":"No.","expression":["Patient.name"]}]}'))).toEqual([{ severity: "error", text: "No.", place: "Patient.name" }]);
    expect(issues(read('{"resourceType":"Patient"}'))).toEqual([]);
    expect(issues(read('{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning","diagnostics":"Cut."}]},"search":{"mode":"outcome"}}]}')).map((one) => one.text)).toEqual(["Cut."]);
  });
});

describe("an answer as a table", () => {
  const answer = read('{"resourceType":"Bundle","total":2,"link":[{"relation":"self","url":"https://box/fhir/Patient"},{"relation":"next","url":"https://box/fhir/Patient?_cursor=x"}],"entry":[{"resource":{"resourceType":"Patient","id":"1","gender":"female","name":[{"text":"L P"}]},"search":{"mode":"match"}},{"resource":{"resourceType":"Patient","id":"2","name":[{"text":"R S"}]},"search":{"mode":"include"}}]}');
  test("rows, columns and cells", () => {
    const rows = lines(answer);
    expect(rows.map((r) => [r.where, r.mode])).toEqual([["Patient/1", "match"], ["Patient/2", "include"]]);
    expect(columns(rows)).toEqual(["gender", "name"]);
    expect(cell(rows[1]!, "name")).toBe("R S");
    expect(cell(rows[1]!, "gender")).toBe("");
  });
  test("other pages are addresses below the base", () => expect(pages(answer, "https://box/fhir")).toEqual({ total: "2", links: [{ relation: "next", to: "Patient?_cursor=x" }] }));
  test("a long id is cut for the eye", () => expect(brief("Patient/aa27aa38-30b9-451e-a267-fe408a83e5b8, Patient/7")).toBe("Patient/aa27aa38…, Patient/7"));
  test("a single record is a table of one row", () => expect(lines(read('{"resourceType":"Patient","id":"1"}'))).toHaveLength(1));
});

describe("what may come next in an address", () => {
  const all = abilities(read('{"rest":[{"resource":[{"type":"Patient","searchParam":[{"name":"name","type":"string"},{"name":"birthdate","type":"date"}],"searchInclude":["Patient:organization"],"operation":[{"name":"everything"}]},{"type":"Practitioner"}]}]}'));
  const whole = (typed: string) => suggest(typed, all).map((one) => one.whole);
  test("types, parameters, includes, operations", () => {
    expect(whole("pa")).toEqual(["Patient?"]);
    expect(whole("P")).toEqual(["Patient?", "Practitioner?"]);
    expect(whole("Patient?na")).toEqual(["Patient?name="]);
    expect(whole("Patient?name=x&birth")).toEqual(["Patient?name=x&birthdate="]);
    expect(whole("Patient?_include=")).toEqual(["Patient?_include=Patient:organization"]);
    expect(whole("Patient/1/$")).toEqual(["Patient/1/$everything"]);
    expect(whole("Patient?name=x")).toEqual([]);
  });
});

describe("how far records are indexed", () => {
  test.each([[0, 0, 100], [0, 3, 0], [2, 3, 66], [999, 1000, 99], [1000, 1000, 100], [5, 3, 100]])("%i of %i is %i percent", (done, of, percent) => expect(far({ done, of })).toBe(percent));
  test("is looked at soon while something is under way", () => {
    const ready = { state: "ready" } as const;
    expect([rest(null), rest({ index: ready, parameters: [ready] }), rest({ index: ready, parameters: [ready, { state: "waiting" }] }), rest({ index: { state: "renewing" }, parameters: [] })]).toEqual([30_000, 30_000, 2_000, 2_000]);
  });
});
