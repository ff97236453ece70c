import { describe, expect, it } from "vitest";
import { mono, RATE, wave } from "../src/format/wav";

describe("a WAVE file", () => {
  it("says what it is and carries each sample", () => {
    const bytes = wave(Float32Array.of(0, 1, -1, 0.5, 2, -2));
    const view = new DataView(bytes.buffer);
    const text = (at: number, n: number) => String.fromCharCode(...bytes.subarray(at, at + n));
    expect([text(0, 4), text(8, 8), text(36, 4)]).toEqual(["RIFF", "WAVEfmt ", "data"]);
    expect([view.getUint32(4, true), view.getUint32(24, true), view.getUint32(28, true), view.getUint32(40, true)]).toEqual([bytes.length - 8, RATE, RATE * 2, 12]);
    expect([44, 46, 48, 50, 52, 54].map((at) => view.getInt16(at, true))).toEqual([0, 32767, -32767, 16384, 32767, -32767]);
  });
  it("has the mean of all channels", () => {
    expect([...mono([Float32Array.of(1, 0), Float32Array.of(0, -1)])]).toEqual([0.5, -0.5]);
    expect([...mono([])]).toEqual([]);
  });
});
