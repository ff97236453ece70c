// Pictures are decoded, sound is loud, what the box hears of it is what was said, and a cut line comes back.
import { RATE, alike, allMeet, clip, inCall, until } from "../lib/calls.mjs";

export const walks = [
  ["two browsers see and hear each other, and the box hears what they say", () => inCall([], async ({ come, address }) => {
    const first = await come(150);
    const second = await come(230);
    await allMeet([first, second]);
    const { upAt, frameAt } = await second.state();
    console.log(`     connected after ${upAt.toFixed(0)} ms, first picture after ${frameAt.toFixed(0)} ms`);
    await until("a meter of both", async () => (await first.state()).quality?.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    for (const [person, pitch] of [[first, 150], [second, 230]]) {
      const bytes = await (await fetch(`http://${address}/heard/${person.you}`)).arrayBuffer();
      const samples = Float32Array.from(new Int16Array(bytes), (s) => s / 32768);
      if (samples.length < 2 * RATE) throw new Error(`the box heard ${samples.length} samples`);
      const best = Math.max(...[1.0, 1.4, 1.8].map((at) => alike(samples.subarray(at * RATE | 0), clip(pitch))));
      console.log(`     ${person.name} heard as he spoke: ${best.toFixed(3)}`);
      if (best < 0.9) throw new Error(`what the box heard of ${person.name} is ${best} like what he said`);
    }
  })],
  ["three browsers meet, one leaves, one does without pictures", () => inCall([], async ({ come }) => {
    const people = [await come(150), await come(230), await come(310)];
    await allMeet(people);
    const gone = people.pop();
    await gone.page.evaluate(() => leave());
    await until("he is gone everywhere", async () => (await Promise.all(people.map((p) => p.state()))).every((s) => !s.streams.includes(gone.name)));
    await allMeet(people);
    const [one, other] = people;
    await one.page.evaluate(() => say({ type: "receiveVideo", on: false }));
    const frames = async () => (await one.page.evaluate(() => look()))[other.name]?.frames ?? 0;
    await until("pictures stop", async () => (await frames()) === (await frames()));
    await until("sound goes on", async () => (await one.page.evaluate(() => look()))[other.name]?.level > 0.02);
    await one.page.evaluate(() => say({ type: "receiveVideo", on: true }));
    await allMeet(people);
  })],
  ["a line that is cut for ten seconds comes back by an ICE restart", () => inCall(["--wire"], async ({ come, post }) => {
    const people = [await come(150), await come(230)];
    await allMeet(people);
    await post("cut");
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    for (const one of people) {
      const { states } = await one.state();
      if (!states.includes("disconnected")) throw new Error(`${one.name} did not notice: ${states}`);
    }
    await post("mend");
    const mended = Date.now();
    await allMeet(people);
    console.log(`     pictures move ${((Date.now() - mended) / 1000).toFixed(1)} s after the line was mended`);
    for (const one of people) {
      const { restarts, states } = await one.state();
      if (restarts < 1) throw new Error(`${one.name} was offered no restart: ${states}`);
    }
  })],
];
