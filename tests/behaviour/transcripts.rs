//! Speech in the box: kept sealed, heard by the worker, seen by whom it concerns, and not lost with the power.
//!
//! With the models that the test command makes; without them the tests say so and pass over.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clinicvault_tests::binary;
use clinicvault_tests::{Clinic, Person};
use serde_json::Value;

use crate::consult::staff;

/// Two seconds of an invented voice.
const CLIP: &[u8] = include_bytes!("../../appliance/src/scribe/clip.wav");
const SAID: &str = "good morning how are you today";

/// The folder of models beside the program under test, if the models for English are there.
fn models() -> Option<PathBuf> {
    let folder = binary::path().parent()?.parent()?.join("models");
    let there = std::fs::read_dir(&folder).map_or(0, Iterator::count);
    if there < 2 {
        eprintln!("skipped: no transcription models in {} (`make model`)", folder.display());
        return None;
    }
    if std::fs::read_dir(folder.with_file_name("workers")).map_or(0, Iterator::count) == 0 {
        eprintln!("skipped: this build has no transcription worker (`make build`)");
        return None;
    }
    Some(folder)
}

fn open(models: Option<&PathBuf>) -> Clinic {
    let mut clinic = Clinic::create();
    let folder = models.map_or_else(|| "nowhere".to_owned(), |folder| folder.display().to_string());
    let text = format!("[scribe]\nmodels_dir = {folder:?}\nfinal_model = \"tiny.en-q8_0\"\n");
    let file = clinic.scratch().join("settings.toml");
    std::fs::write(&file, text).unwrap();
    clinic.serve_with(&["--config", file.to_str().unwrap()]);
    clinic.start();
    clinic
}

fn until_ready(owner: &mut Person<'_>) {
    let began = Instant::now();
    loop {
        let status = owner.get("/api/transcription").expect(200).json();
        if status["state"] == "ready" {
            assert_eq!(status["worker"], "processor");
            assert!(status["notUsed"].as_array().unwrap().is_empty());
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{status}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn dictate(clinic: &Clinic, who: &Person<'_>, patient: &Value, kind: &str, body: &[u8]) -> (u16, Value) {
    let path = format!("/api/patients/{}/dictations", patient["id"].as_str().unwrap());
    let mut http = clinic
        .http()
        .with("Cookie", who.cookie())
        .with("X-ClinicVault", "1")
        .with("Sec-Fetch-Site", "same-origin");
    let answer = http.send("POST", &path, &[("Content-Type", kind)], body);
    (answer.status, answer.json())
}

fn until_done(clinic: &Clinic, cookie: &str, id: &Value) -> Value {
    let began = Instant::now();
    let mut http = clinic.http().with("Cookie", cookie);
    loop {
        let transcript = http.get(&format!("/api/dictations/{}", id.as_str().unwrap())).expect(200).json();
        if transcript["state"] == "done" {
            return transcript;
        }
        assert_ne!(transcript["state"], "failed", "{transcript}");
        assert!(began.elapsed() < Duration::from_secs(120), "{transcript}");
        thread::sleep(Duration::from_millis(200));
    }
}

fn said(transcript: &Value) -> String {
    let lines = transcript["lines"].as_array().unwrap();
    let words = lines.iter().flat_map(|line| line["words"].as_array().unwrap());
    let plain = |word: &Value| word["text"].as_str().unwrap().to_lowercase();
    let plain = |word| plain(word).chars().filter(|letter| letter.is_alphanumeric()).collect::<String>();
    words.map(plain).collect::<Vec<_>>().join(" ")
}

/// Files of speech that lie in the data folder.
fn kept(clinic: &Clinic) -> usize {
    let mut folders = vec![clinic.data()];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.path().parent().unwrap().ends_with("blobs") {
                count += 1;
            }
        }
    }
    count
}

#[test]
fn a_dictation_is_heard_and_seen_by_whoever_dictated_it() {
    let Some(models) = models() else { return };
    let clinic = open(Some(&models));
    let mut owner = clinic.owner();
    until_ready(&mut owner);
    let meera = staff(&clinic, &mut owner, "meera", "doctor");
    let mut arun = staff(&clinic, &mut owner, "arun", "doctor");
    let mut nurse = staff(&clinic, &mut owner, "latha", "nurse");
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Sunita Gaikwad", "7000045518", "dictation-1");
    let (status, answer) = dictate(&clinic, &meera, &patient, "audio/wav", CLIP);
    assert_eq!(status, 202, "{answer}");
    let id = &answer["id"];
    let transcript = until_done(&clinic, meera.cookie(), id);
    assert_eq!(said(&transcript), SAID);
    assert_eq!(transcript["speakers"][0]["name"], "Staff meera");
    assert_eq!(transcript["origin"]["model"], "tiny.en-q8_0");
    let document = transcript["document"].as_str().unwrap();
    let path = format!("/api/dictations/{}", id.as_str().unwrap());
    arun.get(&path).expect(404);
    nurse.get(&path).expect(403);
    owner.get(&path).expect(403);
    // Its words are not in the record that others of the clinic may read.
    let read = arun.get(&format!("/fhir/DocumentReference/{document}")).expect(200).text();
    assert!(
        read.contains("urn:clinicvault:transcript:") && !read.to_lowercase().contains("morning"),
        "{read}"
    );
    let began = Instant::now();
    while kept(&clinic) > 0 {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "speech lies there although its transcript is made"
        );
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_dictation_outlives_a_power_cut() {
    let Some(models) = models() else { return };
    let mut clinic = open(Some(&models));
    let mut owner = clinic.owner();
    until_ready(&mut owner);
    let meera = staff(&clinic, &mut owner, "meera", "doctor");
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Sunita Gaikwad", "7000045518", "dictation-2");
    let (status, answer) = dictate(&clinic, &meera, &patient, "audio/wav", CLIP);
    assert_eq!(status, 202, "{answer}");
    let cookie = meera.cookie().to_owned();
    clinic.kill();
    clinic.start();
    assert_eq!(said(&until_done(&clinic, &cookie, &answer["id"])), SAID);
}

#[test]
fn what_cannot_be_heard_is_refused_with_advice() {
    let clinic = open(None);
    let mut owner = clinic.owner();
    let meera = staff(&clinic, &mut owner, "meera", "doctor");
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Sunita Gaikwad", "7000045518", "dictation-3");
    let began = Instant::now();
    let status = loop {
        let status = owner.get("/api/transcription").expect(200).json();
        if status["state"] == "off" || began.elapsed() > Duration::from_secs(20) {
            break status;
        }
        thread::sleep(Duration::from_millis(100));
    };
    assert!(
        status["reason"].as_str().is_some_and(|why| why.contains("model") || why.contains("worker")),
        "{status}"
    );
    let (code, answer) = dictate(&clinic, &meera, &patient, "audio/wav", CLIP);
    assert_eq!(code, 409, "{answer}");
    assert_eq!(dictate(&clinic, &meera, &patient, "video/mp4", CLIP).0, 415);
    assert_eq!(dictate(&clinic, &desk, &patient, "audio/wav", CLIP).0, 403);
    let nobody = serde_json::json!({ "id": "nobody" });
    assert_eq!(dictate(&clinic, &meera, &nobody, "audio/wav", CLIP).0, 404);
    let Some(models) = models() else { return };
    drop((owner, meera, desk));
    let clinic = open(Some(&models));
    let mut owner = clinic.owner();
    until_ready(&mut owner);
    let meera = staff(&clinic, &mut owner, "meera", "doctor");
    let mut desk = staff(&clinic, &mut owner, "sanjana", "reception");
    let patient = desk.register("Sunita Gaikwad", "7000045518", "dictation-4");
    for broken in [&CLIP[..20], b"RIFFnothing at all", &[]] {
        let (code, answer) = dictate(&clinic, &meera, &patient, "audio/wav", broken);
        assert!((400..=422).contains(&code), "{code} {answer}");
        assert!(answer.to_string().contains("WAV"), "{answer}");
    }
    assert_eq!(kept(&clinic), 0);
}
