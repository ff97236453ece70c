import { expect, test } from "vitest";
import { temporaryPassword } from "../src/screens/users/temporary";

test("a temporary password can be read out and differs each time", () => {
  const one = temporaryPassword();
  expect(one).toMatch(/^[a-hjkmnp-z2-9]{5}(-[a-hjkmnp-z2-9]{5}){3}$/);
  expect(temporaryPassword()).not.toBe(one);
});
test("bytes that would favour some letters are thrown away", () => {
  let turn = 0;
  const made = temporaryPassword((bytes) => bytes.fill(turn++ === 0 ? 255 : 0));
  expect(made).toBe("aaaaa-aaaaa-aaaaa-aaaaa");
});
