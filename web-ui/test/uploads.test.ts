import { describe, expect, it } from "vitest";
import { BoxLost, Refused } from "../src/api/error";
import { sizeText } from "../src/format/bytes";
import type { ChatMessage } from "../src/room";
import { Uploads, type Send } from "../src/screens/room/uploads.svelte";

const message = (key: string): ChatMessage => ({ no: 1, by: "p", name: "P", part: "patient", text: "a.png", at: "2026-11-23T07:00:00Z", key });
const file = (name: string, type: string, size = 3): File => {
  const made = new File(["abc"], name, { type });
  if (size !== 3) Object.defineProperty(made, "size", { value: size });
  return made;
};

function uploads(send: Send): { of: Uploads; took: ChatMessage[]; sent: string[] } {
  const took: ChatMessage[] = [];
  const sent: string[] = [];
  const watched: Send = (one, part) => {
    sent.push(`${one.name} ${one.key}`);
    return send(one, part);
  };
  return { of: new Uploads(watched, (one) => took.push(one), async () => new Blob(["plain"])), took, sent };
}

describe("files on their way", () => {
  it("go one after the other and become messages", async () => {
    let running = 0;
    const { of, took } = uploads(async ({ key }, part) => {
      expect(++running).toBe(1);
      part(0.5);
      await Promise.resolve();
      running -= 1;
      return message(key);
    });
    of.add([file("a.png", "image/png"), file("b.pdf", "application/pdf")]);
    expect(of.list.length).toBe(2);
    await of.settled();
    expect(of.list).toEqual([]);
    expect(took.length).toBe(2);
  });

  it("are sent again under the same key after a lost line", async () => {
    let tries = 0;
    const { of, sent } = uploads(async ({ key }) => {
      if (++tries === 1) throw new BoxLost("no answer");
      return message(key);
    });
    of.add([file("a.png", "image/png")]);
    await of.settled();
    const key = of.list[0]?.key ?? "";
    expect(of.list[0]?.problem).toBeInstanceOf(BoxLost);
    of.again(key);
    await of.settled();
    expect(of.list).toEqual([]);
    expect(sent).toEqual([`a.png ${key}`, `a.png ${key}`]);
  });

  it("that are refused stay with the reason; a picture can go as a plain one", async () => {
    const { of, took } = uploads(async ({ key, file: content }) => {
      if (content.size === 3) throw new Refused(422, "fileTrailing", "");
      return message(key);
    });
    of.add([file("a.jpg", "image/jpeg"), file("b.pdf", "application/pdf"), file("c.svg", "image/svg+xml")]);
    await of.settled();
    expect(of.list.map((one) => one.picture)).toEqual([true, false, false]);
    await of.plain(of.list[0]?.key ?? "");
    await of.settled();
    expect(took.length).toBe(1);
    expect(of.list.map((one) => one.name)).toEqual(["b.pdf", "c.svg"]);
    of.drop(of.list[0]?.key ?? "");
    expect(of.list.map((one) => one.name)).toEqual(["c.svg"]);
  });

  it("that are too large are not sent", async () => {
    const { of, sent } = uploads(async ({ key }) => message(key));
    of.add([file("a.png", "image/png", 11 << 20)]);
    await of.settled();
    expect(of.list[0]?.problem).toBeInstanceOf(Refused);
    expect(sent).toEqual([]);
  });
});

describe("sizes", () => {
  it("are short", () => {
    expect([0, 999, 1_000, 1_250, 9_960, 340_000, 999_600, 2_140_000, 10 << 20].map(sizeText)).toEqual(["0 B", "999 B", "1 kB", "1.3 kB", "10 kB", "340 kB", "1 MB", "2.1 MB", "10 MB"]);
  });
});
