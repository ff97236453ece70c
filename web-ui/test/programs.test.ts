// Programs of other makers: scopes as choices and as sentences, the form, the terms that are sent.
import { beforeAll, describe, expect, test } from "vitest";
import { faults, terms, type Draft } from "../src/screens/exchange/program";
import { brief, doesText, said } from "../src/screens/exchange/plain";
import { has, kindOf, moved, mostly, others, parts, scope, turned, verbs, VERBS, worded } from "../src/screens/exchange/scopes";
import en from "../src/text/en.json";
import { useLang } from "../src/text/index.svelte";

beforeAll(() => useLang("en"));

describe("a scope", () => {
  test.each([
    ["patient/Observation.rs", "r", "Observation"],
    ["patient/Observation.rs?category=laboratory", "r", "Observation.laboratory"],
    ["patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs", "r", "Observation.vital-signs"],
    ["patient/Observation.rs?category=survey", "r", null],
    ["user/*.cruds", "racd", "all"],
    ["user/*.read", "r", "all"],
    ["user/Condition.write", "acd", "Condition"],
    ["system/Media.u", "c", null],
  ])("%s is read", (text, verb, kind) => {
    const one = scope(text)!;
    expect([verbs(one), kindOf(one)]).toEqual([verb, kind]);
  });
  test.each(["openid", "launch/patient", "patient/Observation", "patient/observation.r", "patient/X.sr", "patient/X.", "everybody/*.r"])("%s is none", (text) => expect(scope(text)).toBeNull());
});

describe("choices", () => {
  test("a choice is made and taken back, and the rest stays as it was", () => {
    const start = "openid patient/Observation.rs?category=survey patient/Condition.r";
    const more = turned(start, "patient", "Condition", "a", true);
    expect(more).toBe("openid patient/Observation.rs?category=survey patient/Condition.cr");
    expect(has(more, "patient", "Condition", "a")).toBe(true);
    const whole = turned(more, "patient", "Observation.laboratory", "r", true);
    expect(whole).toBe(`${more} patient/Observation.rs?category=laboratory`);
    expect(turned(whole, "patient", "Observation.laboratory", "r", false)).toBe(more);
    expect(turned(turned(more, "patient", "Condition", "r", false), "patient", "Condition", "a", false)).toBe("openid patient/Observation.rs?category=survey");
    expect(others(start, "patient")).toEqual(["patient/Observation.rs?category=survey"]);
    expect(others(start, "user")).toEqual(["patient/Observation.rs?category=survey", "patient/Condition.r"]);
  });
  test("the same record named twice is one choice", () => expect(turned("user/Task.r user/Task.c user/Encounter.r user/Encounter.c", "user", "Encounter", "c", true)).toBe("user/Task.r user/Task.c user/Encounter.cru"));
  test("what is written is what the standard writes", () => {
    for (const verb of VERBS) expect(scope(turned("", "user", "all", verb, true))).not.toBeNull();
    expect(VERBS.reduce((text, verb) => turned(text, "user", "all", verb, true), "")).toBe("user/*.cruds");
  });
  test("words come and go", () => {
    expect(worded("patient/*.rs", "openid", true)).toBe("openid patient/*.rs");
    expect(worded("openid patient/*.rs openid", "openid", false)).toBe("patient/*.rs");
  });
  test("the same choices for other people", () => {
    expect(moved("openid patient/*.rs user/Task.r", "patient", "user")).toBe("openid user/*.rs user/Task.r");
    expect([mostly("openid user/Task.r", "patient"), mostly("openid", "patient")]).toEqual(["user", "patient"]);
    expect(parts(" a  b a\n")).toEqual(["a", "b"]);
  });
});

describe("in words", () => {
  test("every set of verbs has its sentence", () => {
    for (let bits = 1; bits < 16; bits += 1) expect(Object.keys(en)).toContain(`scope.does.${VERBS.filter((_, at) => bits & (1 << at)).join("")}`);
  });
  test("a scope is a sentence", () => {
    expect(doesText(scope("patient/Observation.rs?category=laboratory")!)).toBe("Read laboratory results");
    expect(doesText(scope("user/Media.cud")!)).toBe("Add, change and delete records of the type Media");
    expect(said("offline_access patient/Observation.rs?category=survey odd patient/Condition.r user/*.r")).toEqual([
      { whose: "Of one patient, chosen each time", says: ["Read measurements and results, only where category is survey", "Read problems and diagnoses"] },
      { whose: "Of all patients the person may see", says: ["Read everything"] },
      { whose: "Besides", says: ["Stay connected for up to 90 days, also after signing out", "odd"] },
    ]);
    expect(brief("openid user/Task.r user/Encounter.r user/Condition.rs")).toBe("Read tasks; Read visits and 1 more");
  });
});

describe("the form", () => {
  const good: Draft = { name: "Growth chart", kind: "public", redirects: "https://app.example/back", scope: "patient/*.rs", keys: "", contact: "", checked: "box" };
  const keys = '{"keys":[{"kty":"EC","crv":"P-384","kid":"k","x":"a","y":"b"}]}';
  test.each<[string, Partial<Draft>, Record<string, string>]>([
    ["is good", {}, {}],
    ["needs a name", { name: " " }, { name: "programs.bad.name" }],
    ["needs an address", { redirects: "\n" }, { redirects: "programs.bad.redirects" }],
    ["takes plain http on the same machine", { redirects: "http://127.0.0.1:4000/x\nhttp://localhost/" }, {}],
    ["takes no plain http elsewhere", { redirects: "http://app.example/" }, { redirects: "programs.bad.address" }],
    ["takes no fragment", { redirects: "https://app.example/#a" }, { redirects: "programs.bad.address" }],
    ["takes no script", { redirects: "javascript:alert(1)" }, { redirects: "programs.bad.address" }],
    ["needs a scope", { scope: " " }, { scope: "programs.bad.scope" }],
    ["has no system scope for a person", { scope: "system/*.rs" }, { scope: "programs.bad.person" }],
    ["needs a key without a person", { kind: "backend", scope: "system/*.rs" }, { keys: "programs.bad.keys" }],
    ["reads a key set", { kind: "backend", scope: "system/*.rs", keys }, {}],
    ["has only system scopes without a person", { kind: "backend", scope: "user/*.rs", keys }, { scope: "programs.bad.system" }],
    ["needs no key beside a secret", { kind: "confidential" }, {}],
    ["takes no other JSON for keys", { kind: "confidential", keys: "{}" }, { keys: "programs.bad.keys" }],
    ["takes no private key", { kind: "confidential", keys: keys.replace('"kid"', '"d":"x","kid"') }, { keys: "programs.bad.private" }],
  ])("%s", (_, change, wrong) => expect(faults({ ...good, ...change })).toEqual(wrong));
  test("sends what was typed, tidied", () => {
    expect(terms({ ...good, name: " Growth ", redirects: "https://a.example/ \n https://a.example/", scope: "patient/*.rs  openid" })).toEqual({ name: "Growth", kind: "public", scope: "patient/*.rs openid", contact: "", validation: "box", redirectUris: ["https://a.example/"] });
    expect(terms({ ...good, checked: "structure" })).toMatchObject({ validation: "structure" });
    expect(terms({ ...good, kind: "backend", keys })).toMatchObject({ redirectUris: [], jwks: { keys: [{ kid: "k" }] } });
  });
});
