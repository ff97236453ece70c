//! Files of a consultation: handed over by patient and doctor, kept whole or not at all, given out for saving only.

use std::io::Write;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clinicvault_tests::http::Answer;
use clinicvault_tests::{Clinic, Http, Person};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use crate::consult::{ask, doctor, online, open, staff, turn};
use crate::portal::browser;

/// Four grey dots.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x02\0\0\0\x02\x08\0\0\0\0\x57\xdd\x52\xf8\0\0\0\x0eIDAT\x78\xda\x63\x60\x64\
\x62\x60\x66\x01\0\0\x1d\0\x0b\x10\xdd\x1c\x70\0\0\0\0IEND\xae\x42\x60\x82";

fn pdf(more: &str) -> Vec<u8> {
    format!(
        "%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[]/Count 0>>\nendobj\n{more}\
         trailer\n<</Root 1 0 R/Size 3>>\nstartxref\n9\n%%EOF\n"
    )
    .into_bytes()
}

/// A clinic in which a consultation waits for its doctor.
struct Scene<'a> {
    owner: Person<'a>,
    meera: Person<'a>,
    desk: Person<'a>,
    sunita: Http,
    cookie: String,
    patient: Value,
    id: String,
}

fn scene<'a>(clinic: &'a Clinic, key: &str) -> Scene<'a> {
    let mut owner = clinic.owner();
    let mut meera = doctor(clinic, &mut owner, "meera", &["hi"]);
    online(&mut meera);
    let mut desk = staff(clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Sunita Gaikwad", "7000045518", &format!("files-{key}-form"));
    let (sunita, cookie) = patient_of(clinic, &mut desk, &patient);
    let asked = ask(&mut desk, &patient, &format!("files-{key}-ask"));
    assert_eq!(asked["state"], "WAITING");
    let id = asked["id"].as_str().unwrap().to_owned();
    Scene { owner, meera, desk, sunita, cookie, patient, id }
}

fn patient_of(clinic: &Clinic, desk: &mut Person<'_>, patient: &Value) -> (Http, String) {
    let path = format!("/api/patients/{}/join-link", patient["id"].as_str().unwrap());
    let link = desk.post(&path, &json!({})).expect(201).json();
    let year: u16 = patient["birthDate"].as_str().unwrap()[..4].parse().unwrap();
    let mut http = browser(clinic);
    let answer = http.post("/api/join", &json!({ "token": link["token"], "birthYear": year })).expect(204);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    (http.with("Cookie", &cookie), cookie)
}

/// The browser of a member of staff.
fn at(clinic: &Clinic, who: &Person<'_>) -> Http {
    browser(clinic).with("Cookie", who.cookie())
}

fn portal(id: &str) -> String {
    format!("/api/portal/consultations/{id}/files")
}

fn house(id: &str) -> String {
    format!("/api/consultations/{id}/files")
}

fn send(http: &mut Http, path: &str, name: &str, key: &str, content: &[u8]) -> Answer {
    let path = format!("{path}?name={}&key={key}", name.replace(' ', "%20"));
    http.send("POST", &path, &[("Content-Type", "text/html")], content)
}

/// Files of content that lie in the data folder.
fn blobs(clinic: &Clinic) -> Vec<PathBuf> {
    let mut folders = vec![clinic.data()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.path().parent().unwrap().ends_with("blobs") {
                found.push(entry.path());
            }
        }
    }
    found
}

#[test]
fn a_photo_of_the_patient_reaches_the_doctor_and_stays_in_the_record() {
    let clinic = open(&[]);
    let mut scene = scene(&clinic, "way");
    let id = scene.id.clone();
    let told = send(&mut scene.sunita, &portal(&id), "my rash.html", "patient-key-1", PNG).expect(201).json();
    assert_eq!((told["text"].as_str(), told["part"].as_str()), (Some("my rash.png"), Some("patient")));
    let file = json!({ "no": 1, "name": "my rash.png", "mediaType": "image/png", "bytes": PNG.len() });
    assert_eq!(told["file"], file);
    // The same once more is the same message; another content under the key is refused.
    let again =
        send(&mut scene.sunita, &portal(&id), "my rash.html", "patient-key-1", PNG).expect(201).json();
    assert_eq!(again, told);
    send(&mut scene.sunita, &portal(&id), "a", "patient-key-1", &pdf("")).expect(409);
    assert_eq!(blobs(&clinic).len(), 1, "kept once");

    let mut meera = at(&clinic, &scene.meera);
    let answer = send(&mut meera, &house(&id), "advice.pdf", "doctor-key-1", &pdf("")).expect(201).json();
    assert_eq!((answer["no"].as_u64(), answer["file"]["no"].as_u64()), (Some(2), Some(2)));
    let chat = scene.sunita.get(&format!("/api/portal/consultations/{id}/chat")).expect(200).json();
    assert_eq!(chat["messages"], json!([told, answer]));

    let saved = meera.get(&format!("{}/1", house(&id))).expect(200);
    assert_eq!(saved.body, PNG);
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-disposition", "attachment; filename=\"my rash.png\"; filename*=UTF-8''my%20rash.png"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'; frame-ancestors 'none'"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(saved.header(name), Some(value), "{name}");
    }
    assert_eq!(scene.sunita.get(&format!("{}/2", portal(&id))).expect(200).body, pdf(""));
    scene.sunita.get(&format!("{}/3", portal(&id))).expect(404);

    // On the patient's own page, the newest first.
    let own = scene.sunita.get("/api/portal/files").expect(200).json();
    let seen = |one: &Value| (one["no"].clone(), one["own"].clone(), one["consultation"].clone());
    let seen: Vec<_> = own["files"].as_array().unwrap().iter().map(seen).collect();
    assert_eq!(seen, [(json!(2), json!(false), json!(id)), (json!(1), json!(true), json!(id))], "{own}");
    scene.meera.get("/api/portal/files").expect(403);

    // In the record, for those who read documents, and nobody writes it but the box.
    let name = format!("/fhir/DocumentReference/{id}.1");
    let mut record = scene.meera.get(&name).expect(200).json();
    let attachment = &record["content"][0]["attachment"];
    assert_eq!(attachment["hash"], STANDARD.encode(Sha1::digest(PNG)));
    assert_eq!(attachment["url"], format!("/api/consultations/{id}/files/1"));
    assert_eq!(
        (attachment["contentType"].as_str(), attachment["size"].as_u64()),
        (Some("image/png"), Some(71))
    );
    assert_eq!(record["context"]["encounter"][0]["reference"], format!("Encounter/{id}"));
    let message = scene.meera.get(&format!("/fhir/Communication/{id}.1")).expect(200).json();
    assert_eq!(message["payload"][0]["contentAttachment"]["title"], "my rash.png");
    record["status"] = json!("entered-in-error");
    scene.meera.put(&name, &record).expect(405);
    let of = scene.patient["id"].as_str().unwrap().to_owned();
    let chart = scene.meera.get(&format!("/api/patients/{of}/documents/{id}.1")).expect(200);
    assert_eq!(chart.body, PNG);
    scene.meera.get(&format!("/api/patients/nobody/documents/{id}.1")).expect(404);

    // The patient sees who looked.
    let log = scene.sunita.get("/api/portal/access-log").expect(200).json();
    let looked = |row: &&Value| row["what"] == "DocumentReference" && row["action"] == "read";
    let looks: Vec<_> = log["rows"].as_array().unwrap().iter().filter(looked).collect();
    assert!(looks.len() >= 2 && looks.iter().all(|row| row["who"] == "Staff meera"), "{log}");

    // Still read after the end, no more sent.
    turn(&mut scene.desk, &json!(id), "cancel", json!({ "reason": "x", "refund": "none" }), "WAITING");
    assert_eq!(meera.get(&format!("{}/1", house(&id))).expect(200).body, PNG);
    assert_eq!(scene.sunita.get(&format!("{}/1", portal(&id))).expect(200).body, PNG);
    send(&mut scene.sunita, &portal(&id), "late.png", "patient-key-9", PNG).expect(409);
}

#[test]
fn who_takes_no_part_neither_sends_nor_reads() {
    let clinic = open(&[]);
    let mut scene = scene(&clinic, "foreign");
    let id = scene.id.clone();
    send(&mut scene.sunita, &portal(&id), "a.png", "patient-key-1", PNG).expect(201);
    let two = scene.desk.register("Tukaram Pawar", "7000041208", "files-foreign-two");
    let (mut tukaram, _) = patient_of(&clinic, &mut scene.desk, &two);
    tukaram.get(&format!("{}/1", portal(&id))).expect(404);
    send(&mut tukaram, &portal(&id), "a.png", "patient-key-1", PNG).expect(404);
    tukaram.get(&format!("{}/1", house(&id))).expect(403);
    send(&mut tukaram, &house(&id), "a.png", "patient-key-1", PNG).expect(403);
    let mut desk = at(&clinic, &scene.desk);
    desk.get(&format!("{}/1", house(&id))).expect(403);
    send(&mut desk, &house(&id), "a.png", "desk-key-1", PNG).expect(403);
    let mut owner = at(&clinic, &scene.owner);
    owner.get(&format!("{}/1", house(&id))).expect(403);
    let imran = doctor(&clinic, &mut scene.owner, "imran", &["ta"]);
    send(&mut at(&clinic, &imran), &house(&id), "a.png", "imran-key-1", PNG).expect(403);
    browser(&clinic).get(&format!("{}/1", house(&id))).expect(401);
    scene.sunita.get(&format!("{}/1", portal("nobody"))).expect(404);
    // Another site's page.
    let mut foreign = clinic.http().with("Cookie", &scene.cookie).with("Sec-Fetch-Site", "cross-site");
    send(&mut foreign, &portal(&id), "a.png", "patient-key-2", PNG).expect(403);
    assert_eq!(blobs(&clinic).len(), 1);
}

#[test]
fn what_is_more_than_a_picture_or_pages_is_refused_and_nothing_is_kept() {
    let clinic = open(&[]);
    let mut scene = scene(&clinic, "hostile");
    let id = scene.id.clone();
    let archive: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let packed = {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(b"5 0 <</S/J#61vaScript/JS(app.alert(1))>>").unwrap();
        packer.finish().unwrap()
    };
    let mut hiding = b"%PDF-1.7\n5 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode>>\nstream\n".to_vec();
    hiding.extend_from_slice(&packed);
    hiding.extend_from_slice(
        b"\nendstream\nendobj\n6 0 obj\n<</Type/XRef>>\nstream\nx\nendstream\nstartxref\n9\n%%EOF\n",
    );
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        (
            "drawing.png",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec(),
            415,
            "fileType",
        ),
        ("photo.jpg", b"<!doctype html><script>alert(1)</script>".to_vec(), 415, "fileType"),
        ("report.pdf", archive.to_vec(), 415, "fileType"),
        ("a.png", b"GIF89a\x01\0\x01\0".to_vec(), 415, "fileType"),
        ("a.png", [PNG, archive].concat(), 422, "fileTrailing"),
        ("a.png", [PNG, b"<script>alert(1)</script>"].concat(), 422, "fileTrailing"),
        ("a.png", PNG[..PNG.len() - 1].to_vec(), 422, "fileDamaged"),
        ("a.pdf", pdf("% PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\n"), 422, "fileHidden"),
        ("a.pdf", pdf("5 0 obj\n<</S/JavaScript/JS(1)>>\nendobj\n"), 422, "pdfActive"),
        ("a.pdf", pdf("5 0 obj\n<</S/L#61unch>>\nendobj\n"), 422, "pdfActive"),
        ("a.pdf", hiding, 422, "pdfActive"),
        ("a.pdf", pdf("trailer <</Encrypt 7 0 R>>\n"), 422, "pdfLocked"),
        ("a.png", Vec::new(), 422, "fileEmpty"),
        ("a.png", [PNG, &vec![0; 10 << 20]].concat(), 413, "fileTooLarge"),
    ];
    send(&mut scene.sunita, &portal(&id), "a.png", "short", PNG).expect(422);
    // The last one is not read to its end, so its connection ends with it.
    for (n, (name, content, status, code)) in cases.into_iter().enumerate() {
        let answer = send(&mut scene.sunita, &portal(&id), name, &format!("hostile-{n:03}"), &content);
        let told = answer.expect(status).json();
        assert_eq!(told["error"]["code"], code, "{name}: {told}");
        assert!(told["error"]["message"].as_str().unwrap().contains(". "), "{told} does not say what to do");
    }
    assert_eq!(blobs(&clinic), Vec::<PathBuf>::new(), "nothing is kept");
    let chat = scene.sunita.get(&format!("/api/portal/consultations/{id}/chat")).expect(200).json();
    assert_eq!(chat["messages"], json!([]));
    scene.meera.get(&format!("/fhir/DocumentReference/{id}.1")).expect(404);
}

#[test]
fn a_consultation_has_fifty_files_at_most() {
    let clinic = open(&[]);
    let mut scene = scene(&clinic, "many");
    let id = scene.id.clone();
    for n in 1..=50 {
        send(&mut scene.sunita, &portal(&id), "a.png", &format!("many-key-{n}"), PNG).expect(201);
    }
    send(&mut scene.sunita, &portal(&id), "a.png", "many-key-51", PNG).expect(413);
    // What was sent before is still answered as before.
    send(&mut scene.sunita, &portal(&id), "a.png", "many-key-7", PNG).expect(201);
    assert_eq!(blobs(&clinic).len(), 50);
    assert_eq!(scene.sunita.get(&format!("{}/50", portal(&id))).expect(200).body, PNG);
}

#[test]
fn a_file_outlives_a_power_cut_and_what_nothing_refers_to_goes() {
    let mut clinic = open(&[]);
    let (cookie, id) = {
        let mut scene = scene(&clinic, "cut");
        send(&mut scene.sunita, &portal(&scene.id), "a.png", "patient-key-1", PNG).expect(201);
        (scene.cookie, scene.id)
    };
    clinic.kill();
    let kept = blobs(&clinic);
    assert_eq!(kept.len(), 1);
    // As if the power had gone between a content and its row.
    let orphan = kept[0].with_file_name("0123456789abcdef0123456789abcdef");
    std::fs::copy(&kept[0], &orphan).unwrap();
    clinic.start();
    let mut sunita = browser(&clinic).with("Cookie", &cookie);
    assert_eq!(sunita.get(&format!("{}/1", portal(&id))).expect(200).body, PNG);
    send(&mut sunita, &portal(&id), "a.png", "patient-key-1", PNG).expect(201);
    let began = std::time::Instant::now();
    while orphan.exists() {
        assert!(began.elapsed().as_secs() < 30, "what nothing refers to is still there");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(blobs(&clinic), kept);
    assert_eq!(sunita.get(&format!("{}/1", portal(&id))).expect(200).body, PNG);
    // Changed on the disk: found, not served.
    let mut content = std::fs::read(&kept[0]).unwrap();
    let at = content.len() - 60;
    content[at] ^= 1;
    std::fs::write(&kept[0], content).unwrap();
    let status = sunita.get(&format!("{}/1", portal(&id))).status;
    assert!(status >= 500, "{status}");
}
