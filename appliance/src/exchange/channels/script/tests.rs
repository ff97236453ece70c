use clinicvault_gateway::hl7::parse::read;
use clinicvault_gateway::hl7::rework::Draft;
use clinicvault_gateway::hl7::{Limits, Message, Mode};

use super::*;

const TEXT: &str = "MSH|^~\\&|LIS|LAB|C|D|1||ORU^R01|1|P|2.5\rPID|1||10||DOE&co^J\rOBX|1|NM|GLU||5.5|mmol/L\rOBX|2|NM|NA||138|x";

fn message() -> Message {
    read(TEXT.as_bytes(), Mode::Tolerant).unwrap()
}

fn changed(text: &str) -> Result<String, String> {
    let limits = Limits::default();
    let script = Script::compile(text)?;
    let draft = script.change(1, Draft::of(&message()), limits.bytes).map_err(|problem| problem.reason)?;
    let (message, _) = draft.finish(&limits, Mode::Tolerant).map_err(|problem| problem.reason)?;
    Ok(String::from_utf8_lossy(message.bytes()).replace('\r', "\n"))
}

fn decided(text: &str) -> Result<bool, String> {
    Script::compile(text)?.decide(Draft::of(&message())).map_err(|problem| problem.reason)
}

#[test]
fn a_rule_computes_chooses_and_walks_over_segments() {
    let text = changed(
        r#"for obx in segments("OBX") {
               if get(obx + "-3") == "GLU" && get(obx + "-6") == "mmol/L" {
                   set(obx + "-5", fixed(parse_float(get(obx + "-5")) * 18.0182, 0));
                   set(obx + "-6", "mg/dL");
               }
           }
           if get("PID-5.1.2") != "" { set("PID-9", get("PID-5.1.2") + " & sons"); }
           remove("OBX[2]");"#,
    )
    .unwrap();
    assert!(text.contains("OBX|1|NM|GLU||99|mg/dL"), "{text}");
    assert!(text.contains("|||co \\T\\ sons"), "{text}");
    assert!(!text.contains("OBX|2"), "{text}");
}

#[test]
fn a_filter_answers_true_or_false() {
    assert_eq!(decided(r#"get("MSH-9.1") == "ORU" && segments("OBX").len() > 1"#), Ok(true));
    assert_eq!(decided(r#"get("PV1-2") == "I""#), Ok(false));
    for (text, why) in [
        ("7", "true or false"),
        (r#"set("PID-8", "F"); true"#, "no function \"set\""),
        (r#"get("PID") == """#, "name a field"),
        (r#"get("MSH-2") == """#, "cannot be changed"),
        (r#"segments("OBX-3").len() > 0"#, "name a segment"),
    ] {
        let told = decided(text).unwrap_err();
        assert!(told.contains(why), "{text}: {told}");
        assert!(text == "7" || told.contains("in line 1"), "{text}: {told}");
    }
}

#[test]
fn nothing_runs_for_ever_or_takes_the_memory() {
    for (text, why) in [
        ("loop { }", "steps"),
        ("let n = 0; while true { n += 1; }", "steps"),
        ("fn f(n) { f(n + 1) } f(0)", "too deeply"),
        (r#"let s = "x"; loop { s += s; }"#, "too large"),
        (r#"let a = []; loop { a.push("0123456789012345678901234567890123456789"); }"#, "too large"),
        ("let a = [1]; loop { a += a; }", "too large"),
        (r#"let s = "".pad(1000000, 'x');"#, ""),
        (r#"for n in 0..100000000 { get("PID-3"); }"#, "steps"),
        (r#"let s = "x"; s.pad(60000, 'x'); for n in 3..500 { set("PID-" + n, s); }"#, ""),
        ("1 / 0", "computed"),
        (r#"throw get("PID-5")"#, "throw"),
        (r#"parse_int("no number")"#, "computed"),
        ("[1][5]", "index"),
    ] {
        let began = std::time::Instant::now();
        let told = changed(text).expect_err(text);
        // A slow machine meets the bound of time first.
        assert!(told.contains(why) || told.contains("longer than"), "{text}: {told}");
        assert!(!told.contains("DOE") && !told.contains("no number"), "{told}");
        assert!(began.elapsed().as_secs() < 20, "{text}");
    }
}

#[test]
fn what_cannot_be_is_refused_when_it_is_written() {
    for (text, why) in [
        ("let a = ;", "line 1"),
        ("\n  get(\"PID-3\"", "line 2"),
        ("eval(\"1\")", "eval"),
        ("print(\"1\")", "print"),
        ("import \"x\" as y;", "line 1"),
        ("nobody + 1", "nobody"),
        (&"(".repeat(500), ""),
        (&"x".repeat(20_000), "16000"),
    ] {
        let told = Script::compile(text).expect_err(text);
        assert!(told.contains(why), "{text}: {told}");
    }
    let kept = Script::kept("let a = ;");
    assert!(kept.decide(Draft::of(&message())).unwrap_err().reason.contains("no longer"));
}

#[test]
fn nothing_outside_can_be_reached() {
    for text in [
        "sleep(1)",
        "exit()",
        "timestamp()",
        "parse_json(\"{}\")",
        "open(\"/etc/passwd\")",
        "set(\"MSH-2\", \"x\")",
    ] {
        assert!(changed(text).is_err(), "{text}");
    }
}
