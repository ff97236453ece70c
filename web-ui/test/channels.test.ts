import { describe, expect, test } from "vitest";
import type { Channel, ChannelAlert, ChannelDocument, ChannelHour } from "../src/api/types";
import { alertText, BOUNDS, boundFaults, boundsDraft, boundsOf } from "../src/screens/exchange/channels/alert";
import { bars, BLANK, document, faults, fieldOf, issuesOf, lately, sum, troubled, type Draft } from "../src/screens/exchange/channels/channel";
import { lineOf } from "../src/screens/exchange/channels/place";
import { groups, sheet } from "../src/screens/exchange/channels/sheet";
import { classOf, destinations, mayGiveUp, mayResend, parts } from "../src/screens/outbox/outbox";

const hour = (at: string, received: number, refused = 0, held = 0): ChannelHour => ({ at, received, refused, held, repeated: 0, passedOver: 0 });
// Half past: an hour of India.
const NOW = Date.parse("2026-11-22T10:10:00Z");
const PRINT = "ab".repeat(32);

describe("a day in bars", () => {
  const all = bars([hour("2026-11-21T10:30:00Z", 2), hour("2026-11-22T08:30:00Z", 5, 1), hour("2026-11-22T09:30:00Z", 3, 0, 2)], NOW);
  test("has twenty-four, the current one last, where the clinic's hours begin", () => {
    expect(all.map((bar) => bar.received)).toEqual([2, ...Array<number>(21).fill(0), 5, 3]);
    expect(new Date(all[23]?.at ?? 0).toISOString()).toBe("2026-11-22T09:30:00.000Z");
  });
  test("is summed", () => expect(sum(all)).toEqual({ received: 10, refused: 1, held: 2 }));
  test("tells of the current hour and the one before", () => expect(lately(all)).toBe(8));
  test("of nothing is nothing", () => expect(bars([], NOW)).toEqual([]));
  test("older hours are not in it", () => expect(sum(bars([hour("2026-11-20T09:30:00Z", 9)], NOW)).received).toBe(0));
});

test("a channel needs a look when it cannot run, refuses, or a receiver wants none", () => {
  const line = (over: object) => ({ state: "running", hours: [], queue: { failed: 0 }, ...over }) as unknown as Channel;
  expect(troubled(line({}), NOW)).toBe(false);
  expect(troubled(line({ state: "failed" }), NOW)).toBe(true);
  expect(troubled(line({ queue: { failed: 1 } }), NOW)).toBe(true);
  expect(troubled(line({ hours: [hour("2026-11-22T09:30:00Z", 0, 1)] }), NOW)).toBe(true);
  expect(troubled(line({ hours: [hour("2026-11-22T02:30:00Z", 0, 1)] }), NOW)).toBe(false);
});

describe("the form of a channel", () => {
  const draft = (over: Partial<Draft>): Draft => ({ ...BLANK, name: "city-lab", ...over });
  test("makes the document of a listener with its peers", () => {
    const of = draft({ title: " City lab ", allow: "10.0.0.0/8\n", peers: `City lab: ${PRINT}\n${PRINT}` });
    expect(faults(of)).toEqual({});
    expect(document(of)).toEqual({ name: "city-lab", title: "City lab", source: { kind: "mllp", address: "0.0.0.0:2576", allow: ["10.0.0.0/8"], tls: { peers: [{ name: "City lab", fingerprint: PRINT }, { name: "", fingerprint: PRINT }] } }, rules: { replayDays: 7, reuse: "keep", acknowledge: "commit" } });
  });
  test("leaves out what is empty", () => expect(document(draft({ tls: false }))["source"]).toEqual({ kind: "mllp", address: "0.0.0.0:2576" }));
  test("makes a receiver of our own records", () =>
    expect(document(draft({ kind: "records", to: "[::1]:2575" }))).toEqual({ name: "city-lab", source: { kind: "records", messages: ["ADT^A08", "ORU^R01"] }, destinations: [{ name: "receiver", to: { kind: "mllp", host: "::1", port: 2575 } }] }));
  test.each([
    [{ name: "City" }, "name"], [{ name: "default" }, "name"], [{ name: "new" }, "name"], [{ address: "2576" }, "address"], [{ address: "0.0.0.0:99999" }, "address"], [{ peers: "AB:CD" }, "peers"], [{ replayDays: "0" }, "replayDays"], [{ replayDays: "1.5" }, "replayDays"],
    [{ kind: "http" }, "tokens"], [{ kind: "folder" }, "path"], [{ kind: "records", to: "host" }, "to"], [{ kind: "records", to: "host:0" }, "to"], [{ kind: "records", to: "host:1", messages: " , " }, "messages"],
  ] as [Partial<Draft>, string][])("%j is refused at its field", (over, field) => expect(Object.keys(faults(draft(over)))).toEqual([field]));
  test("what the box finds stands at its field", () => {
    expect(fieldOf("source.tls.peers[0].fingerprint")).toBe("peers");
    expect(fieldOf("source.allow")).toBe("allow");
    expect(fieldOf("source.allowance")).toBeNull();
    expect(fieldOf(null)).toBeNull();
  });
  test("the places of a refusal", () => {
    expect(issuesOf({ error: { code: "invalid" } })).toEqual([]);
    expect(issuesOf({ error: { issues: [{ place: "name", message: "No." }, { place: null, message: "x" }] } })).toEqual([{ place: "name", message: "No." }, { place: null, message: "x" }]);
  });
});

describe("the line of a place", () => {
  const text = JSON.stringify({ name: "a", source: { kind: "mllp", tls: { peers: [{ name: "}\"{" }, { fingerprint: "x" }] } }, on: true }, null, 2);
  const at = (place: string) => text.split("\n")[lineOf(text, place) - 1]?.trim();
  test.each([["name", '"name": "a",'], ["source.kind", '"kind": "mllp",'], ["source.tls.peers[0].name", '"name": "}\\"{"'], ["source.tls.peers[1].fingerprint", '"fingerprint": "x"'], ["on", '"on": true']])("%s", (place, line) => expect(at(place)).toBe(line));
  test("what is not written leads to what it belongs to", () => expect(at("source.tls.certificate")).toBe('"tls": {'));
  test("nonsense is the first line", () => {
    for (const broken of ["", "{", '{"a"', "{a:1}", "[1,,", '{"a":{"b":[', "}"]) expect(lineOf(broken, "x.y")).toBe(1);
  });
});

describe("what leaves", () => {
  test("an attempt says what follows", () => expect(["taken", "accepted", "refused", "rejected", "notSent", "noAnswer", "else"].map((outcome) => classOf({ outcome }))).toEqual(["done", "done", "person", "again", "again", "unknown", "unknown"]));
  test("only what stopped is sent again; what is on its way can be given up too", () => {
    const all = ["waiting", "accepted", "sent", "failed", "discarded", "replaced"] as const;
    expect(all.filter(mayResend)).toEqual(["failed"]);
    expect(all.filter(mayGiveUp)).toEqual(["waiting", "accepted", "failed"]);
  });
  test("a destination has two parts", () => expect([parts("a/b/c"), parts("a")]).toEqual([{ channel: "a", name: "b/c" }, { channel: "a", name: "" }]));
  test("paused ones are listed without a message too", () => expect(destinations([{ destination: "b/x" }, { destination: "b/x" }], ["a/y", "b/x"])).toEqual([{ name: "a/y", paused: true }, { name: "b/x", paused: true }]));
});

describe("the sheet for the other side", () => {
  const line = (address: string | null) => ({ address, tls: true, allow: ["10.0.0.0/8"], peers: [{ name: "", fingerprint: PRINT }] }) as unknown as Channel;
  const written = { name: "a", source: { kind: "mllp", address: "0.0.0.0:2576", tls: { certificate: "his" } }, rules: { kinds: ["ORU"], replayDays: 30, reuse: "refuse", acknowledge: "apply", strict: true } } as unknown as ChannelDocument;
  test("tells the rules of the document", () =>
    expect(sheet(line(null), written)).toEqual({ host: null, port: "2576", tls: true, ownCertificate: "his", peers: [PRINT.slice(0, 16)], allow: ["10.0.0.0/8"], kinds: ["ORU"], processing: [], charset: null, replayDays: 30, refusesReuse: true, afterApply: true, strict: true }));
  test.each([["[::]:2575", null], ["[fd00::7]:2575", "fd00::7"], ["192.168.4.2:2575", "192.168.4.2"]])("%s", (address, host) => expect(sheet(line(address), null)).toMatchObject({ host, port: "2575", replayDays: 7, refusesReuse: false }));
  test("events are told by what is done with them", () => {
    const event = (type: string, state: string) => ({ type, state, about: "visit" });
    const all = groups([{ structure: "ADT_A01", events: [event("ADT^A01", "taken"), event("ADT^A08", "depends"), event("ADT^A04", "taken")] }, { structure: "ADT_A60", events: [event("ADT^A60", "refused")] }, { structure: "QBP_Q21", events: [event("QBP^Q22", "answered")] }]);
    expect(all).toEqual([
      { state: "taken", structures: [{ structure: "ADT_A01", events: ["ADT^A01", "ADT^A04"] }] },
      { state: "depends", structures: [{ structure: "ADT_A01", events: ["ADT^A08"] }] },
      { state: "answered", structures: [{ structure: "QBP_Q21", events: ["QBP^Q22"] }] },
    ]);
  });
});

describe("the bounds of a channel's alerts", () => {
  test("begin with those that hold where none are named", () => expect(boundsDraft(undefined)).toEqual({ silentMinutes: "", errorPercent: "20", waitingMinutes: "30", certificateDays: "21" }));
  test("empty turns one off, and what is typed survives", () => {
    const typed = { silentMinutes: " 45 ", errorPercent: "", waitingMinutes: "0", certificateDays: "365" };
    expect(boundFaults(typed)).toEqual({});
    expect(boundsOf(typed)).toEqual({ silentMinutes: 45, errorPercent: 0, waitingMinutes: 0, certificateDays: 365 });
    expect(boundsOf(boundsDraft(boundsOf(typed)))).toEqual(boundsOf(typed));
  });
  test.each(BOUNDS)("%s takes whole numbers up to its most", (name) => {
    for (const wrong of ["x", "-1", "1.5", "999999999", "525601"]) expect(boundFaults({ ...boundsDraft(undefined), [name]: wrong })).toEqual({ [name]: "alerts.bad" });
  });
});

test("an alert chooses its sentence by what is known", () => {
  const alert = (about: string, number = 0) => ({ channel: "lab", about, number, since: "2026-11-22T10:10:00Z" }) as ChannelAlert;
  const line = (over: object) => ({ queue: {}, ...over }) as unknown as Channel;
  expect(alertText(alert("silent", 30), line({ lastMessage: "2026-11-22T09:40:00Z" }))).toBe("alerts.silent");
  expect(alertText(alert("silent", 30), line({ lastMessage: null }))).toBe("alerts.silentEver");
  expect(alertText(alert("certificate", -1), null)).toBe("alerts.ended");
  expect(alertText(alert("certificate", 1), null)).toBe("alerts.certificate.one");
  expect(alertText(alert("certificate", 0), null)).toBe("alerts.certificate.other");
  expect(["errors", "waiting", "failed"].map((about) => alertText(alert(about), null))).toEqual(["alerts.errors", "alerts.waiting", "alerts.failed"]);
});
