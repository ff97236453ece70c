// Subscriptions: what the form sends, what it says is wrong, and how a line is said. And the look that repeats itself.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BLANK, faults, pause, resource, standing, TOPICS, watched, type Draft } from "../src/screens/exchange/subscription";
import { steadily } from "../src/state/steady";
import { useLang } from "../src/text/index.svelte";

const GUIDE = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition";
const hook: Draft = { ...BLANK, reason: " To the hub ", endpoint: "https://hub.example/in", headers: "Authorization: Bearer x\n\n X-Id: 7 " };

describe("a subscription as it is sent", () => {
  test("by topic, with its filters and headers", () => {
    expect(resource({ ...hook, filters: "Observation?code=a\nObservation?status=final" })).toEqual({
      resourceType: "Subscription", meta: { profile: [`${GUIDE}/backport-subscription`] }, status: "requested", reason: "To the hub",
      criteria: "https://clinicvault.local/fhir/SubscriptionTopic/observation-available",
      _criteria: { extension: [{ url: `${GUIDE}/backport-filter-criteria`, valueString: "Observation?code=a" }, { url: `${GUIDE}/backport-filter-criteria`, valueString: "Observation?status=final" }] },
      channel: { type: "rest-hook", endpoint: "https://hub.example/in", payload: "application/fhir+json", _payload: { extension: [{ url: `${GUIDE}/backport-payload-content`, valueCode: "id-only" }] }, header: ["Authorization: Bearer x", "X-Id: 7"] },
    });
  });
  test("by another topic, over a socket: no address, no headers", () => {
    const sent = resource({ ...hook, topic: "other", other: "urn:t", channel: "websocket", content: "empty" });
    expect(sent).toMatchObject({ criteria: "urn:t", channel: { type: "websocket" } });
    expect(Object.keys(sent["channel"] as object)).toEqual(["type", "payload", "_payload"]);
  });
  test.each([["full-resource", { type: "rest-hook", endpoint: "https://hub.example/in", payload: "application/fhir+json" }], ["empty", { type: "rest-hook", endpoint: "https://hub.example/in" }]] as const)("by a query in R4's own form: %s", (content, channel) => {
    const sent = resource({ ...hook, by: "query", query: "Observation?code=x", filters: "left over", plain: true, content, headers: "" });
    expect(sent).toEqual({ resourceType: "Subscription", status: "requested", reason: "To the hub", criteria: "Observation?code=x", channel });
  });
  test("R4's own form is not for topics", () => expect(resource({ ...hook, plain: true })).toHaveProperty("channel._payload"));
});

describe("what is wrong", () => {
  test("nothing", () => expect(faults(hook)).toEqual({}));
  test("everything that is left out", () => expect(faults({ ...BLANK, by: "query" })).toEqual({ reason: "subs.bad.reason", query: "subs.bad.query", endpoint: "subs.bad.endpoint" }));
  test("a socket has no address", () => expect(faults({ ...BLANK, reason: "x", channel: "websocket" })).toEqual({}));
  test.each(["hub.example", "ftp://hub.example", "https://me@hub.example/", "https://hub.example/#a"])("%s is no address", (endpoint) => expect(faults({ ...hook, endpoint })).toEqual({ endpoint: "subs.bad.endpoint" }));
  test.each(["Authorization", "a b: c", ": x"])("%j is no header", (headers) => expect(faults({ ...hook, headers })).toEqual({ headers: "subs.bad.headers" }));
  test.each(["observation?x=1", "Observation ?x", "https://x/Observation"])("%s is no query", (query) => expect(faults({ ...hook, by: "query", query })).toEqual({ query: "subs.bad.query" }));
  test("another topic needs its address", () => expect(faults({ ...hook, topic: "other", other: "results" })).toEqual({ other: "subs.bad.topic" }));
});

describe("a line", () => {
  beforeEach(() => useLang("en"));
  test.each(TOPICS)("topic %s has words", (topic) => expect(watched(`https://clinicvault.local/fhir/SubscriptionTopic/${topic}\nObservation?code=x`)).toEqual({ words: expect.stringMatching(/^[A-Z]/) as string, written: ["Observation?code=x"] }));
  test("a query and a foreign topic stand as they are written", () => {
    expect(watched("Observation?code=x")).toEqual({ words: null, written: ["Observation?code=x"] });
    expect(watched("https://clinicvault.local/fhir/SubscriptionTopic/nothing")).toEqual({ words: null, written: ["https://clinicvault.local/fhir/SubscriptionTopic/nothing"] });
  });
  test.each([
    [{ state: "requested", paused: false, failures: 0 }, "checking"], [{ state: "requested", paused: false, failures: 2 }, "trying"], [{ state: "active", paused: false, failures: 0 }, "live"],
    [{ state: "active", paused: false, failures: 1 }, "trying"], [{ state: "error", paused: false, failures: 9 }, "failed"], [{ state: "off", paused: true, failures: 0 }, "paused"], [{ state: "off", paused: false, failures: 0 }, "over"],
  ] as const)("%j is %s", (line, how) => expect(standing(line)).toBe(how));
  test("is looked at soon while something is under way", () => {
    const still = { state: "active", paused: false, failures: 0, queued: 0, behind: 0 } as const;
    expect([pause([]), pause([still]), pause([still, { ...still, queued: 1 }]), pause([{ ...still, state: "error", behind: 9 }])]).toEqual([15_000, 15_000, 2_000, 15_000]);
  });
});

describe("a look that repeats itself", () => {
  let hear: () => void = () => undefined;
  const page = { hidden: false, addEventListener: (_: string, heard: () => void) => (hear = heard), removeEventListener: () => (hear = () => undefined) };
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("document", page);
    page.hidden = false;
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  test("pauses as it is told, rests while hidden, ends with its screen", async () => {
    const look = vi.fn(() => Promise.resolve(1_000));
    const steady = steadily(look);
    await vi.advanceTimersByTimeAsync(2_500);
    expect(look).toHaveBeenCalledTimes(3);
    page.hidden = true;
    hear();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(look).toHaveBeenCalledTimes(3);
    page.hidden = false;
    hear();
    await vi.advanceTimersByTimeAsync(0);
    expect(look).toHaveBeenCalledTimes(4);
    steady.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(look).toHaveBeenCalledTimes(4);
  });

  test("never runs twice at once, and who asks in between gets a later answer", async () => {
    let running = 0;
    let most = 0;
    const look = vi.fn(async () => {
      most = Math.max(most, ++running);
      await new Promise((done) => setTimeout(done, 100));
      running -= 1;
      return 10_000;
    });
    const steady = steadily(look);
    await vi.advanceTimersByTimeAsync(50);
    const asked = steady.now();
    await vi.advanceTimersByTimeAsync(200);
    await asked;
    expect([look.mock.calls.length, most]).toEqual([2, 1]);
    steady.stop();
  });
});
