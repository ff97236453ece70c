import { expect, test } from "vitest";
import type { Replay } from "../src/api/types";
import { askOf, became, goesOn, isOpen } from "../src/screens/messages/replay";

const blank = { of: "held" as const, channel: "", type: "", q: "", from: "", to: "" };
const replay = (state: string, counts = {}) => ({ state, counts: { applied: 0, held: 0, refused: 0, passedOver: 0, waiting: 0, left: 0, ...counts } }) as unknown as Replay;

test("what is empty narrows nothing", () => expect(askOf(blank)).toEqual({ of: "held" }));
test("what is written narrows", () => expect(askOf({ ...blank, of: "both", channel: " city-lab ", type: " oru^r01", q: " pawar ", from: "2026-03-14", to: "2026-03-15" })).toEqual({ of: "both", channel: "city-lab", type: "ORU^R01", q: "pawar", from: "2026-03-14", to: "2026-03-15" }));
test("a paused one is open but does not go on", () => {
  expect([goesOn(replay("running")), goesOn(replay("paused")), goesOn(replay("done"))]).toEqual([true, false, false]);
  expect(["running", "paused", "done", "cancelled", "stopped"].map((state) => isOpen(replay(state)))).toEqual([true, true, false, false, false]);
});
test("only what happened is told", () => expect(became(replay("done", { applied: 3, left: 1 }))).toEqual([{ what: "applied", n: 3 }, { what: "left", n: 1 }]));
