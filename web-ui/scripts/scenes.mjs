// The scenes of scripts/shots.mjs: a name, the state of the fixture, and the steps to the picture.
const cont = (page) => page.locator("button[type=submit]").click();

async function toRecovery(page) {
  await cont(page);
  await page.fill("#clinic-name", "Nandini Clinic");
  await page.fill("#clinic-place", "Sangamner");
  await cont(page);
  await page.fill("#owner-name", "Vasant Kulkarni");
  await page.fill("#owner-password", "a quiet river at noon");
  await page.fill("#owner-password-again", "a quiet river at noon");
  await cont(page);
  await cont(page);
  await page.waitForSelector(".paper");
}
const both = (scene) => [scene, { ...scene, name: `${scene.name}-phone`, phone: true }];
const all = (scene) => [...both(scene), { ...scene, name: `${scene.name}-dark`, dark: true }, { ...scene, name: `${scene.name}-hi`, hindi: true }, { ...scene, name: `${scene.name}-hi-phone`, hindi: true, phone: true }];

export const scenes = [
  ...both({ name: "setup-language", state: "setup", signedIn: false, path: "/#code=TRY-123456" }),
  ...both({ name: "setup-clinic", state: "setup", signedIn: false, path: "/#code=TRY-123456", act: async (p) => { await cont(p); await p.fill("#clinic-name", "Nandini Clinic"); await p.fill("#clinic-place", "Sangamner"); } }),
  ...both({ name: "setup-start", state: "setup", signedIn: false, path: "/#code=TRY-123456", act: async (p) => { await cont(p); await p.fill("#clinic-name", "Nandini Clinic"); await p.fill("#clinic-place", "Sangamner"); await cont(p); await p.fill("#owner-name", "Vasant Kulkarni"); await p.fill("#owner-password", "a quiet river at noon"); await p.fill("#owner-password-again", "a quiet river at noon"); await cont(p); } }),
  ...all({ name: "setup-recovery", state: "setup", signedIn: false, path: "/#code=TRY-123456", act: async (p) => { await toRecovery(p); await p.locator(".two .plain").click(); await p.fill("#group-3", "HC3V-8LNE"); await p.fill("#group-7", "M8V"); } }),
  ...all({ name: "signin", signedIn: false, act: (p) => p.fill("#signin-name", "meera") }),
  ...both({ name: "signin-totp", signedIn: false, act: async (p) => { await p.fill("#signin-name", "totp"); await p.fill("#signin-password", "x"); await cont(p); await p.waitForSelector("#signin-code"); } }),
  ...both({ name: "signin-enrol", signedIn: false, act: async (p) => { await p.fill("#signin-name", "enrol"); await p.fill("#signin-password", "x"); await cont(p); await p.waitForSelector("#enrol-code"); } }),
  ...both({ name: "signin-password", signedIn: false, act: async (p) => { await p.fill("#signin-name", "temp"); await p.fill("#signin-password", "x"); await cont(p); await p.waitForSelector("#new-password"); await cont(p); } }),
  ...both({ name: "sealed", state: "sealed", signedIn: false }),
  ...all({ name: "home-doctor", role: "doctor" }),
  ...both({ name: "home-owner", role: "owner" }),
  ...both({ name: "home-reception", role: "reception" }),
  ...all({ name: "search", role: "reception", act: async (p) => { await p.keyboard.press("/"); if (!(await p.locator("[data-testid=search-input]").count())) await p.locator(".find").click(); await p.fill("[data-testid=search-input]", "laksh"); await p.waitForSelector("[data-testid=search-hit]"); } }),
  ...both({ name: "keys", act: async (p) => { await p.keyboard.press("?"); } }),
];

const typed = async (p) => { await p.fill("#patient-name", "Lakshmi Pawar"); await p.fill("#patient-birth", "14/3/68"); await p.locator(".seg label").first().click(); await p.fill("#patient-phone", "70000 41207"); await p.waitForTimeout(500); };
scenes.push(
  ...all({ name: "chart", path: "/patients/p1" }),
  { name: "chart-visits-phone", path: "/patients/p1/visits", phone: true },
  { name: "chart-medicines-phone", path: "/patients/p1/medicines", phone: true },
  { name: "chart-tablet", path: "/patients/p1", phone: false },
  ...both({ name: "chart-trend", path: "/patients/p1", act: (p) => p.locator("[data-testid=result-row]").first().click() }),
  ...both({ name: "chart-log", path: "/patients/p1/log" }),
  ...both({ name: "chart-empty", path: "/patients/p2" }),
  ...both({ name: "chart-allergy", path: "/patients/p2", act: (p) => p.locator(".asked .btn").click() }),
  ...both({ name: "chart-reception", path: "/patients/p2", role: "reception" }),
  ...all({ name: "register", path: "/patients/new", role: "reception", act: typed }),
  ...both({ name: "register-errors", path: "/patients/new", role: "reception", act: async (p) => { await p.fill("#patient-phone", "70000 4120"); await p.locator("button[type=submit]").click(); } }),
);

scenes.push(
  ...all({ name: "inbox", path: "/messages/86", role: "lab" }),
  ...both({ name: "inbox-lit", path: "/messages/86", role: "lab", act: (p) => p.locator("[data-testid=meaning]").nth(3).click() }),
  ...both({ name: "inbox-list", path: "/messages", role: "lab" }),
  ...both({ name: "inbox-error", path: "/messages/83", role: "lab" }),
  ...both({ name: "inbox-refuse", path: "/messages/86", role: "lab", act: (p) => p.locator(".acts .plain").click() }),
  ...both({ name: "inbox-choose", path: "/messages/86", role: "lab", act: async (p) => { await p.locator(".acts .btn").nth(1).click(); await p.fill("[data-testid=search-input]", "thorat"); await p.waitForTimeout(200); } }),
  ...both({ name: "inbox-confirm", path: "/messages/86", role: "lab", act: async (p) => { await p.locator(".acts .btn").nth(1).click(); await p.fill("[data-testid=search-input]", "thorat"); await p.locator("[data-testid=search-hit]").first().click(); await p.waitForSelector("dialog[open]"); } }),
  ...both({ name: "users", path: "/users", role: "owner" }),
  ...both({ name: "users-add", path: "/users", role: "owner", act: async (p) => { await p.locator(".pane-head .go").click(); await p.fill("#user-name", "Dr Imran Shaikh"); } }),
  ...both({ name: "machines", path: "/machines", role: "owner" }),
  ...both({ name: "machines-add", path: "/machines", role: "owner", act: (p) => p.locator(".pane-head .go").click() }),
  ...all({ name: "me", path: "/me" }),
);
