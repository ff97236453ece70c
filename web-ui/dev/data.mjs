// The invented clinic of the fixture server. All people are invented.
const DAY = 86_400_000;
const iso = (daysAgo, h = 11, m = 2) => {
  const d = new Date(Date.now() - daysAgo * DAY);
  d.setHours(h, m, 0, 0);
  return d.toISOString();
};
const p = (id, name, sex, birthDate, number, phone, village, more = {}) => ({ id, name, sex, birthDate, birthPrecision: birthDate.length === 4 ? "year" : "day", number, phone, village, ...more });

const patients = [
  p("p1", "Lakshmi Devi Pawar", "F", "1968-03-14", "NC-004218", "7000041207", "Talegaon"),
  p("p2", "Laxmi Suresh Pawar", "F", "1995", "NC-005902", "7000041207", "Talegaon"),
  p("p3", "Lakshman Pandit Gore", "M", "1962-01-02", "NC-002681", "7000088316", "Nimgaon"),
  p("p4", "लक्ष्मी नारायण तिवारी", "M", "1949-07-30", "NC-000418", null, "Sangamner", { otherName: "Lakshmi Narayan Tiwari" }),
  p("p5", "Ganpat Rao Thorat", "M", "1955-06-01", "NC-001904", "7000012345", "Nimgaon"),
  p("p6", "Sunita Vilas Gaikwad", "F", "1997-02-11", "NC-005120", "7000055511", "Sangamner"),
  p("p7", "Aarav Kishor Bhosale", "M", "2018-05-20", "NC-006021", "7000066622", "Talegaon"),
  p("p8", "Mohammed Irfan Ansari", "M", "1988-09-09", "NC-002846", "7000077733", "Akole"),
];

const seriesOf = (values, range) => values.map((value, i) => ({ value, flag: range && value > range.high ? (value > range.high * 1.18 ? "HH" : "H") : range && value < range.low ? "L" : null, at: iso((values.length - 1 - i) * 91, 10, 42), status: "final", source: "CityPath Lab" }));
const result = (code, text, unit, range, values) => {
  const series = seriesOf(values, range);
  return { code, system: "http://loinc.org", text, unit, range, latest: series.at(-1), series };
};

function chartOf(w, patient) {
  const empty = { patient, allergies: { state: "notAsked", items: [] }, problems: [], medicines: [], results: [], trends: { bloodPressure: [] }, visits: [], documents: [], alerts: [], opened: [], asOf: w.tx };
  if (patient.id !== "p1") return { ...empty, allergies: patient.id === "p3" ? { state: "noneKnown", since: "2026-11-21", items: [] } : patient.id === "p5" ? { state: "unknown", items: [] } : empty.allergies };
  return {
    ...empty,
    allergies: w.allergies,
    problems: w.problems,
    medicines: [
      { id: "m1", name: "Metformin", strength: "500 mg", form: "tablet", dose: "1-0-1", route: "by mouth", timing: "after food", given: "180", givenOn: "2026-08-18", until: iso(5).slice(0, 10), status: "ranOut" },
      { id: "m2", name: "Telmisartan", strength: "40 mg", form: "tablet", dose: "1-0-0", route: "by mouth", given: "90", givenOn: "2026-08-18", until: iso(5).slice(0, 10), status: "ranOut" },
      { id: "m3", name: "Atorvastatin", strength: "10 mg", form: "tablet", dose: "0-0-1", route: "by mouth", timing: "at night", given: "90", givenOn: "2026-08-18", status: "current" },
      { id: "m4", name: "Paracetamol", strength: "650 mg", form: "tablet", dose: "as needed", route: "by mouth", timing: "when in pain, at most 3 a day", given: "10", givenOn: "2026-08-18", status: "asNeeded" },
    ],
    results: [
      result("2823-3", "Potassium", "mmol/L", { low: 3.5, high: 5.1, text: "3.5-5.1" }, [4.2, 4.3, 4.4, 4.7, 6.1]),
      result("4548-4", "HbA1c", "%", { low: 4, high: 5.6, text: "4-5.6" }, [8.4, 7.9, 7.6, 7.8, 8.1]),
      result("1558-6", "Glucose, fasting", "mg/dL", { low: 70, high: 100, text: "70-100" }, [172, 150, 138, 149, 164]),
      result("2160-0", "Creatinine", "mg/dL", { low: 0.6, high: 1.1, text: "0.6-1.1" }, [0.8, 0.8, 0.8, 0.9, 0.9]),
      result("13457-7", "LDL cholesterol", "mg/dL", { high: 100, text: "<100" }, [128, 118, 106, 100, 96]),
    ],
    trends: { bloodPressure: [[146, 88], [138, 86], [134, 84], [142, 90], [152, 94]].map(([systolic, diastolic], i) => ({ at: iso((4 - i) * 91), systolic, diastolic })) },
    visits: [
      { id: "v1", date: iso(0), title: "Follow-up", state: "in progress", lines: ["Follow-up of diabetes and blood pressure. “Feet burn at night since two weeks.”"], by: "Nurse Rekha Salve", type: "visit" },
      { id: "v2", date: iso(95), title: "Diabetes and hypertension review", state: "signed", lines: ["Sugars better on 1-0-1. Walks 20 minutes. BP still above target; salt advice given.", "METFORMIN 500 mg 1-0-1, TELMISARTAN 40 mg 1-0-0, ATORVASTATIN 10 mg 0-0-1, 90 days."], by: "Dr Meera Kulkarni", type: "visit" },
      { id: "v3", date: iso(176), title: "Left knee pain", state: "signed", lines: ["Pain on stairs, no swelling. Exercises shown. X-ray if no better in 4 weeks."], by: "Dr Imran Shaikh", type: "video" },
      { id: "v4", date: iso(274), title: "Diabetes review", state: "amended", lines: ["HbA1c 7.6 %. TELMISARTAN raised from 20 mg to 40 mg."], by: "Dr Meera Kulkarni", type: "visit" },
      { id: "v5", date: iso(372), title: "Fever, 3 days", state: "signed", lines: ["Viral fever. Dengue NS1 and malaria tests negative."], by: "Dr Meera Kulkarni", type: "visit" },
    ],
    documents: [{ id: "d1", date: iso(445).slice(0, 10), title: "Eye report, Shree Netralaya", type: "application/pdf", size: 84000, text: "No diabetic retinopathy. Repeat in 12 months." }],
    alerts: [{ code: "2823-3", text: "Potassium", value: 6.1, unit: "mmol/L", flag: "HH", range: { low: 3.5, high: 5.1, text: "3.5-5.1" }, at: iso(0, 10, 42) }],
    opened: [{ at: iso(0, 11, 46), who: "Dr Meera Kulkarni", role: "doctor" }, { at: iso(0, 11, 40), who: "Sanjana", role: "reception" }],
  };
}

const SEGMENTS = [
  ["MSH", "^~\\&|CITYPATH|LAB|CLINICVAULT|NANDINI|20261121113802+0530||ORU^R01^ORU_R01|CP2611210417|P|2.5.1"],
  ["PID", "1||88120^^^CITYPATH^PI||THORAT^G R||1955|M|||NIMGAON"],
  ["OBR", "1|ORD-2291|CP-88120|RFT^Renal function^99CP|||20261121081500+0530"],
  ["OBX", "1|NM|2823-3^Potassium^LN||6.3|mmol/L|3.5-5.1|HH|||F"],
  ["OBX", "2|NM|2951-2^Sodium^LN||138|mmol/L|136-145|N|||F"],
  ["OBX", "3|NM|2160-0^Creatinine^LN||1.6|mg/dL|0.7-1.3|H|||F"],
  ["OBX", "4|NM|1558-6^Glucose fasting^LN||164|mg/dL|70-100|H|||F"],
];
const stored = (text, code, value, unit, flag, low, high, segment) => ({
  type: "Observation",
  json: JSON.stringify({ resourceType: "Observation", status: "final", category: [{ coding: [{ code: "laboratory" }] }], code: { coding: [{ system: "http://loinc.org", code }], text }, effectiveDateTime: "2026-11-21T08:15:00+05:30", valueQuantity: { value, unit }, interpretation: [{ coding: [{ code: flag }] }], referenceRange: [{ low: { value: low }, high: { value: high } }] }, null, 2),
  links: [{ pointer: "/valueQuantity/value", segment, field: 5 }, { pointer: "/valueQuantity/unit", segment, field: 6 }, { pointer: "/code/text", segment, field: 3 }],
});

export function world(state, role) {
  return {
    state, role, tx: 100, session: null, half: null, patients: [...patients],
    allergies: { state: "listed", items: [{ id: "a1", substance: "Penicillin", reaction: "hives", severity: "moderate", year: 2021, certainty: "confirmed" }, { id: "a2", substance: "Sulfonamides", reaction: "rash", severity: "mild", year: 2014, certainty: "confirmed" }] },
    problems: [{ id: "c1", text: "Type 2 diabetes mellitus", since: "2019", active: true }, { id: "c2", text: "Essential hypertension", since: "2017", active: true }, { id: "c3", text: "Dyslipidaemia", since: "2021", active: true }, { id: "c4", text: "Left knee osteoarthritis", since: "2024", active: false }],
    inbox: [
      { seq: 86, at: iso(0, 11, 38), title: { key: "testResult", params: { n: 4 } }, sender: "CityPath Lab", person: "G R Thorat", state: "held" },
      { seq: 85, at: iso(0, 11, 5), title: { key: "newPatient" }, sender: "Old desk program", person: "S. Wagh", state: "held" },
      { seq: 84, at: iso(0, 10, 51), title: { key: "testResult", params: { n: 22 } }, sender: "CityPath Lab", person: "Ramesh Jadhav", state: "applied" },
      { seq: 83, at: iso(0, 10, 40), title: { key: "unreadable" }, sender: "Analyser 1", person: null, state: "refused" },
      { seq: 82, at: iso(0, 9, 31), title: { key: "patientUpdate" }, sender: "Old desk program", person: "J. D’Souza", state: "applied" },
    ],
    users: [
      { id: "u1", name: "Vasant Kulkarni", username: "vasant", roles: ["owner"], disabled: false, lastSeen: iso(0), secondFactor: true },
      { id: "u2", name: "Dr Meera Kulkarni", username: "meera", roles: ["doctor"], disabled: false, lastSeen: iso(0), secondFactor: true },
      { id: "u3", name: "Sanjana Gite", username: "sanjana", roles: ["reception"], disabled: false, lastSeen: iso(1), secondFactor: false },
    ],
    tokens: [{ id: "t1", name: "CityPath Lab", scope: "system/*.cruds", created: iso(20), expires: iso(-10), lastUsed: iso(0, 10, 42) }],
  };
}

const CAN = {
  doctor: { demographics: "F", problems: "F", allergies: "F", results: "F", inbox: "F", visits: "F", prescriptions: "F", accessLog: "R" },
  reception: { demographics: "F" },
  owner: { demographics: "R", settings: "F", audit: "R" },
  lab: { demographics: "R", results: "F", inbox: "F" },
};

function sessionOf(w) {
  const who = { doctor: ["u2", "Dr Meera Kulkarni", "meera"], reception: ["u3", "Sanjana Gite", "sanjana"], owner: ["u1", "Vasant Kulkarni", "vasant"], lab: ["u4", "Kiran Bhalerao", "kiran"] }[w.role];
  return { user: { id: who[0], name: who[1], username: who[2], roles: [w.role], language: w.language ?? null, theme: w.theme ?? null, density: w.density ?? null }, can: CAN[w.role], idleSeconds: 900, absoluteEnds: iso(-1) };
}

const hit = (patient, q) => {
  const at = patient.name.toLowerCase().indexOf(q);
  const matched = at >= 0 && q ? [{ field: "name", start: at, end: at + q.length }] : [];
  return { patient, lastVisit: iso(patient.id === "p2" ? 0 : 95), phone: patient.phone, village: patient.village, matched, otherName: patient.otherName };
};
const sheet = { recovery: { groups: ["7K2M-9QXA", "R4TB-0WZC", "HC3V-81NE", "5JPD-M6YG", "QZ18-VK3F", "N0XR-4BTH", "M8V2-D7CJ", "W9EG-P5SA"], qrSvg: '<svg viewBox="0 0 21 21"><path d="M0 0h7v7h-7zM2 2h3v3h-3zM14 0h7v7h-7zM0 14h7v7h-7zM9 9h3v3h-3zM13 13h2v5h-2z"/></svg>' }, fingerprint: "4E:91:0C:77:B2:5D:A8:13:F0:6A", confirm: [3, 7] };

const ok = (body, status = 200) => ({ status, body });
const no = (status, code, message, more = {}) => ({ status, body: { error: { code, message, requestId: "fixture", ...more.error }, ...more.body } });

export function answer(w, method, url, body) {
  const path = url.pathname.slice(4);
  const at = (m, re) => (method === m ? re.exec(path) : null);
  let m;
  if (at("GET", /^\/status$/)) return ok({ state: w.state, clinic: w.state === "setup" ? null : { name: "Nandini Clinic", place: "Sangamner" }, version: "0.1.0", now: new Date().toISOString(), timeZone: "Asia/Kolkata", secondFactor: "required", ports: { https: 8443 }, fingerprint: sheet.fingerprint, database: { checkpointAge: 4 }, lastBackup: null });
  if (at("POST", /^\/setup$/)) {
    if (body.code !== "TRY-123456") return no(403, "wrongSetupCode", "wrong setup code", { error: { field: "code" } });
    w.state = "recovery"; w.role = "owner"; w.session = true;
    return ok(sheet, 201);
  }
  if (at("GET", /^\/setup\/recovery$/)) return ok(sheet);
  if (at("POST", /^\/setup\/confirm$/)) { w.state = "ready"; return ok(undefined, 204); }
  if (at("POST", /^\/unlock$/)) { if (body.passphrase === "wrong") return no(403, "wrongKey", "wrong"); w.state = "ready"; return ok(undefined, 204); }
  if (at("POST", /^\/login$/)) {
    if (body.password === "wrong") return no(401, "wrongPassword", "no");
    if (body.username === "totp") return ok({ next: "totp" });
    if (body.username === "enrol") return ok({ next: "enrol", secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", otpauth: "otpauth://x", qrSvg: sheet.recovery.qrSvg });
    if (body.username === "temp") return ok({ next: "password" });
    if (body.username in CAN) w.role = body.username;
    w.session = true;
    return ok({ session: sessionOf(w) });
  }
  if (at("POST", /^\/login\/totp$/)) { if (body.code === "000000") return no(401, "wrongCode", "no"); w.session = true; return ok({ session: sessionOf(w) }); }
  if (at("POST", /^\/login\/enrol$/)) { w.session = true; return ok({ session: sessionOf(w), recoveryCodes: Array.from({ length: 10 }, (_, i) => `a${i}bc-d${i}ef-g${i}hj`) }); }
  if (at("POST", /^\/login\/password$/)) { w.session = true; return ok({ session: sessionOf(w) }); }
  if (!w.session) return no(401, "signedOut", "sign in");
  if (at("GET", /^\/session$/)) return ok(sessionOf(w));
  if (at("POST", /^\/logout$/)) { w.session = null; return ok(undefined, 204); }
  if (at("PATCH", /^\/me$/)) { Object.assign(w, body); return ok(sessionOf(w)); }
  if (at("GET", /^\/me\/sessions$/)) return ok({ sessions: [{ id: "s1", device: "Chrome on Windows", started: iso(0, 9), lastSeen: iso(0), current: true }, { id: "s2", device: "Chrome on Android", started: iso(1), lastSeen: iso(1, 18), current: false }] });
  if (at("GET", /^\/search$/)) {
    const q = (url.searchParams.get("q") ?? "").toLowerCase();
    const loose = q.replace(/ksh/g, "x");
    const hits = w.patients.filter((x) => [x.name, x.otherName ?? "", x.phone ?? "", x.number, x.birthDate].some((t) => t.toLowerCase().includes(q) || t.toLowerCase().replace(/ksh/g, "x").includes(loose)));
    return ok({ hits: hits.map((x) => hit(x, q)), more: false });
  }
  if (at("GET", /^\/patients\/recent$/)) return ok({ hits: w.patients.map((x) => hit(x, "")) });
  if (at("POST", /^\/patients\/duplicates$/)) {
    const name = (body.name ?? "").toLowerCase();
    const list = name.length < 3 ? [] : w.patients.filter((x) => x.name.toLowerCase().startsWith(name.slice(0, 3)) || (body.phone && x.phone === body.phone));
    return ok({ candidates: list.map((patient) => ({ patient, grade: patient.phone && patient.phone === body.phone && patient.name.toLowerCase().startsWith(name.slice(0, 4)) ? "high" : "medium", reasons: [patient.phone === body.phone ? "samePhone" : "nameSounds"] })) });
  }
  if (at("POST", /^\/patients$/)) {
    const fresh = p(`p${w.patients.length + 1}`, body.name, body.sex, body.birth.date ?? String(2026 - (body.birth.ageYears ?? 0)), `NC-00${7000 + w.patients.length}`, body.phone, body.village);
    w.patients.unshift(fresh);
    return ok(fresh, 201);
  }
  if ((m = at("GET", /^\/patients\/([^/]+)\/chart$/))) { const patient = w.patients.find((x) => x.id === m[1]); return patient ? (ok(w.role === "doctor" || w.role === "lab" ? chartOf(w, patient) : { ...chartOf(w, { ...patient, id: "-" }), patient, allergies: { state: "unknown", items: [] }, hidden: ["allergies", "problems", "medicines", "results", "visits", "documents"] })) : no(404, "notFound", "no"); }
  if ((m = at("GET", /^\/patients\/([^/]+)\/results\/(.+)$/))) { const row = chartOf(w, w.patients.find((x) => x.id === m[1])).results.find((r) => decodeURIComponent(m[2]).endsWith(r.code)); return row ? ok(row) : no(404, "notFound", "no"); }
  if ((m = at("GET", /^\/patients\/([^/]+)\/access-log$/))) return ok({ rows: [{ at: iso(0, 11, 46), who: "Dr Meera Kulkarni", role: "doctor", action: "read", what: "chart", purpose: "treatment" }, { at: iso(0, 11, 40), who: "Sanjana Gite", role: "reception", action: "read", what: "Patient", purpose: "admin" }] });
  if ((m = at("POST", /^\/patients\/([^/]+)\/allergies$/))) { if (body.none) w.allergies = { state: "noneKnown", since: iso(0).slice(0, 10), items: [] }; else { w.allergies = { state: "listed", items: [...w.allergies.items, { id: `a${Date.now()}`, ...body }] }; } w.tx++; return ok({}, 201); }
  if ((m = at("POST", /^\/patients\/([^/]+)\/problems$/))) { w.problems.push({ id: `c${Date.now()}`, text: body.text, since: body.since, active: true }); w.tx++; return ok({}, 201); }
  if (at("GET", /^\/inbox$/)) {
    const state = url.searchParams.get("state");
    const words = (url.searchParams.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const said = (r) => `${r.sender} ${r.person ?? ""}`.toLowerCase();
    const rows = w.inbox.filter((r) => (state === "all" || (state === "needs" ? r.state === "held" : r.state === "refused")) && words.every((word) => said(r).includes(word)));
    return ok({ rows, next: null, wholeWords: [], counts: { today: w.inbox.length, needs: w.inbox.filter((r) => r.state === "held").length, refused: w.inbox.filter((r) => r.state === "refused").length } });
  }
  if ((m = at("GET", /^\/inbox\/(\d+)$/))) {
    const row = w.inbox.find((r) => String(r.seq) === m[1]);
    if (!row) return no(404, "notFound", "no");
    if (row.state === "refused") return ok({ row, type: "", controlId: "", received: row.at, transport: "plain", answered: "AR", segments: [{ name: "MSX", index: 0, fields: [{ number: 1, text: "|^~\\&|ANALYSER" }] }], meaning: [], resources: [], unmapped: [], unknownCodes: [], warnings: [], held: null, error: { segment: "MSH", field: null, reason: "The message does not begin with MSH." } });
    return ok({
      row, type: "ORU^R01", controlId: "CP2611210417", received: row.at, transport: "TLS", answered: "AA",
      segments: SEGMENTS.map(([name, text], index) => ({ name, index, fields: text.split("|").map((t, i) => ({ number: name === "MSH" ? i + 2 : i + 1, text: t })) })),
      meaning: [
        { label: { key: "patient" }, value: "G R Thorat, M, born 1955, Nimgaon. Lab number 88120 is not known here.", link: 1, tone: row.state === "held" ? "attention" : null },
        { label: { key: "order" }, value: "ORD-2291, Renal function", link: 2 },
        { label: { key: "collected" }, value: "21-Nov-2026 08:15, final", link: 2 },
        { label: { key: "test", text: "Potassium" }, value: "6.3 mmol/L", flag: "HH", range: "3.5-5.1", link: 3 },
        { label: { key: "test", text: "Sodium" }, value: "138 mmol/L", range: "136-145", link: 4 },
        { label: { key: "test", text: "Creatinine" }, value: "1.6 mg/dL", flag: "H", range: "0.7-1.3", link: 5 },
        { label: { key: "test", text: "Glucose, fasting" }, value: "164 mg/dL", flag: "H", range: "70-100", link: 6 },
      ],
      resources: [stored("Potassium", "2823-3", 6.3, "mmol/L", "HH", 3.5, 5.1, 3), stored("Sodium", "2951-2", 138, "mmol/L", "N", 136, 145, 4), stored("Creatinine", "2160-0", 1.6, "mg/dL", "H", 0.7, 1.3, 5), stored("Glucose, fasting", "1558-6", 164, "mg/dL", "H", 70, 100, 6)],
      unmapped: [{ path: "PID-11", value: "NIMGAON" }], unknownCodes: [], warnings: [],
      held: row.state === "held" ? { reason: "unknownPatient", candidates: [{ patient: w.patients.find((x) => x.id === "p5"), reasons: ["sameName", "sameBirthYear", "sameSex"] }], senderNumber: "88120" } : null, error: null,
    });
  }
  if ((m = at("POST", /^\/inbox\/(\d+)\/settle$/))) { const row = w.inbox.find((r) => String(r.seq) === m[1]); row.state = body.action === "refuse" ? "dismissed" : "applied"; w.tx++; return ok({ state: row.state }); }
  if (at("GET", /^\/users$/)) return ok({ users: w.users });
  if (at("POST", /^\/users$/)) { const user = { id: `u${Date.now()}`, name: body.name, username: body.username, roles: body.roles, disabled: false, secondFactor: false }; w.users.push(user); return ok(user, 201); }
  if ((m = at("PATCH", /^\/users\/([^/]+)$/))) { Object.assign(w.users.find((u) => u.id === m[1]), body); return ok({}); }
  if (at("POST", /^\/users\/([^/]+)\/reset$/)) return ok({ password: "brick-tulip-97-lamp" });
  if (at("GET", /^\/tokens$/)) return ok({ tokens: w.tokens });
  if (at("POST", /^\/tokens$/)) { w.tokens.push({ id: `t${Date.now()}`, name: body.name, scope: body.scope, created: iso(0), expires: new Date(Date.now() + body.ttlHours * 3.6e6).toISOString() }); return ok({ token: "cvt_3f9a0c7b1e5d" }, 201); }
  if ((m = at("DELETE", /^\/tokens\/([^/]+)$/))) { w.tokens = w.tokens.filter((x) => x.id !== m[1]); return ok(undefined, 204); }
  if (at("GET", /^\/changes$/)) return ok({ changes: [], last: w.tx });
  return no(404, "notFound", `fixture has no ${method} ${path}`);
}
