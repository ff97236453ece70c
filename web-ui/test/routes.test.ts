import { expect, test } from "vitest";
import { parse, path, type Route } from "../src/routes";
import { codeFromAddress, groupTyped, usernameFrom } from "../src/screens/setup/setup";

const routes: Route[] = [{ at: "home" }, { at: "patients" }, { at: "register" }, { at: "chart", id: "a/b c", tab: "now" }, { at: "chart", id: "7", tab: "visits" }, { at: "messages", seq: null }, { at: "messages", seq: "86" }, { at: "outbox", seq: null }, { at: "outbox", seq: "7" }, { at: "exchange", tab: "channels" }, { at: "exchange", tab: "channels", item: "city-lab" }, { at: "users" }, { at: "box", tab: "now" }, { at: "box", tab: "trail" }, { at: "box", tab: "tokens" }, { at: "exchange", tab: "query" }, { at: "exchange", tab: "parameters" }, { at: "exchange", tab: "programs" }, { at: "exchange", tab: "programs", item: "c-1/2" }, { at: "exchange", tab: "subscriptions" }, { at: "exchange", tab: "subscriptions", item: "new" }, { at: "exchange", tab: "jobs" }, { at: "prices" }, { at: "medicines" }, { at: "me" }];

test.each(routes.map((r) => [path(r), r] as const))("%s survives a reload", (address, route) => expect(parse(address)).toEqual(route));
test.each(["/nothing", "/patients/1/secret", "/patients/1/log/2", "/users/3", "/exchange/secret", "/exchange/query/1", "/exchange/jobs/1", "/exchange/programs/1/2", "/messages/1/2", "/outbox/1/2"])("%s is no page", (address) => expect(parse(address)).toEqual({ at: "lost" }));
test("a broken escape does not break the page", () => expect(parse("/patients/%E0%A4%A")).toMatchObject({ at: "chart" }));

test("the setup code is found where the box puts it", () => {
  const at = (hash: string, search = "", pathname = "/") => codeFromAddress({ hash, search, pathname });
  expect(at("#code=ABCD-1234")).toBe("ABCD-1234");
  expect(at("", "?code=ABCD-1234")).toBe("ABCD-1234");
  expect(at("#ABCD-1234")).toBe("ABCD-1234");
  expect(at("", "", "/setup/ABCD-1234")).toBe("ABCD-1234");
  expect(at("", "", "/setup")).toBeNull();
});
test("a sign-in name from a person's name", () => {
  expect(usernameFrom("Dr Meera Kulkarni")).toBe("meera.kulkarni");
  expect(usernameFrom("José D’Souza")).toBe("jose.d.souza");
  expect(usernameFrom("मीरा")).toBe("");
});
test("a group is read as the paper says it", () => {
  expect(groupTyped("hc3v 8lne")).toBe(groupTyped("HC3V-81NE"));
  expect(groupTyped("m8v")).toBe("M8V");
});
