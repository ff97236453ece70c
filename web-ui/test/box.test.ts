import { describe, expect, test } from "vitest";
import type { Live } from "../src/api/types";
import { counted, share, sizeOf, used } from "../src/screens/box/now";
import { pageOf, questionOf } from "../src/screens/box/trail";

const live = (ownSeconds: number, started = "2026-11-23T04:00:00Z"): Live => ({
  started,
  machine: { processors: 2, load: 0.5, memory: 4e9, memoryFree: 1e9, disk: 1e11, diskFree: 2e10, ownMemory: 3e8, ownSeconds },
  rooms: [],
});

describe("the box now", () => {
  test("consultations are counted by how far they are", () => {
    expect(counted([{ state: "WAITING" }, { state: "ACTIVE" }, { state: "ACTIVE" }, { state: "COMPLETED" }])).toEqual({ REQUESTED: 0, PENDING_PAYMENT: 0, WAITING: 1, ACTIVE: 2 });
  });
  test("the share of the processors needs two looks at the same run", () => {
    expect(share(null, 1000, live(1))).toBeNull();
    expect(share({ at: 0, live: live(10) }, 4000, live(14))).toBe(0.5);
    expect(share({ at: 0, live: live(10) }, 1000, live(99))).toBe(1);
    expect(share({ at: 0, live: live(10) }, 4000, live(1, "2026-11-23T05:00:00Z")), "it started anew").toBeNull();
    expect(share({ at: 5, live: live(10) }, 5, live(10))).toBeNull();
  });
  test("sizes are told in the unit that people use", () => {
    expect(sizeOf(999_400_000)).toEqual({ n: "999", unit: "MB" });
    expect(sizeOf(4_060_000_000)).toEqual({ n: "4.1", unit: "GB" });
    expect(used(0, 0)).toBe(0);
    expect(used(100, 25)).toBe(0.75);
  });
});

describe("who did what", () => {
  test("the question narrows as it is asked", () => {
    expect(questionOf({ day: "", who: "", refused: false })).toBe("AuditEvent?_count=50&_sort=-date");
    expect(questionOf({ day: "2026-11-23", who: " Rao & sons ", refused: true })).toBe("AuditEvent?_count=50&_sort=-date&date=2026-11-23&agent-name%3Acontains=Rao+%26+sons&outcome=4%2C8");
    expect(questionOf({ day: "yesterday", who: "", refused: false })).not.toContain("date=");
  });
  test("events are read as lines", () => {
    const event = {
      resourceType: "AuditEvent", id: "7", recorded: "2026-11-23T04:00:00.000Z", outcome: "4", outcomeDesc: "no consent",
      subtype: [{ system: "http://hl7.org/fhir/restful-interaction", code: "search" }, { system: "urn:clinicvault:audit-action", code: "message-applied" }],
      purposeOfEvent: [{ coding: [{ code: "TREAT" }] }],
      agent: [{ name: "Dr Meera Rao", role: [{ coding: [{ code: "doctor" }] }], network: { address: "192.168.1.7" } }],
      entity: [{ what: { reference: "Patient/p-1" } }, { description: "Observation", query: "Y29kZT1mZXZlcg==" }],
    };
    const page = pageOf(JSON.stringify({ resourceType: "Bundle", link: [{ relation: "next", url: "https://box/fhir/AuditEvent?_page=x" }], entry: [{ resource: event }, { resource: { resourceType: "OperationOutcome" } }] }), "https://box/fhir");
    expect(page.next).toBe("AuditEvent?_page=x");
    expect(page.lines).toEqual([{ id: "7", at: event.recorded, who: "Dr Meera Rao", roles: ["doctor"], from: "192.168.1.7", action: "messageApplied", patient: "p-1", what: "Observation", query: "code=fever", purpose: "TREAT", outcome: "refused", why: "no consent" }]);
  });
  test("an event without anything is a line all the same", () => {
    const page = pageOf(JSON.stringify({ entry: [{ resource: { resourceType: "AuditEvent", id: "1", recorded: "2026-11-23T04:00:00Z", outcome: "0" } }] }), "");
    expect(page).toEqual({ next: null, lines: [{ id: "1", at: "2026-11-23T04:00:00Z", who: "", roles: [], from: "", action: "", patient: null, what: null, query: null, purpose: null, outcome: "done", why: null }] });
  });
});
