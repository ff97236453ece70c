//! Tables of good and bad texts, and round trips over random trees.

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Value, JsonError> {
    parse(text.as_bytes(), &Limits::default())
}

fn check(text: &str, expected: &str) {
    assert_eq!(String::from_utf8(read(text).unwrap().to_vec()).unwrap(), expected, "for {text}");
}

fn refused(text: &str, reason: Reason, offset: usize) {
    let error = read(text).unwrap_err();
    assert_eq!((error.reason, error.offset), (reason, offset), "for {text}");
}

#[test]
fn text_of_numbers_and_order_of_keys_stay() {
    check(
        "\u{feff} {\"z\" : 72.50, \"a\":[1E+2,-0,0.00000001,1.00] } ",
        r#"{"z":72.50,"a":[1E+2,-0,0.00000001,1.00]}"#,
    );
    check(r#"["a\/b\u0041\ud83d\ude00\n"]"#, "[\"a/bA😀\\n\"]");
    check(r#""\u0000\u001f""#, r#""\u0000\u001f""#);
    check("123456789012345678901234567890.0123456789", "123456789012345678901234567890.0123456789");
}

#[test]
fn bad_texts_are_refused_at_their_place() {
    refused("", Reason::Truncated, 0);
    refused("{\"a\":1,\"a\":2}", Reason::DuplicateKey { key: "a".into() }, 7);
    refused("{\"a\":1,\"\\u0061\":2}", Reason::DuplicateKey { key: "a".into() }, 7);
    refused("[1,]", Reason::Expected("a value"), 3);
    refused("[1 2]", Reason::Expected("a comma or a closing bracket"), 3);
    refused("{a:1}", Reason::Expected("a key in quotes"), 1);
    refused("{\"a\" 1}", Reason::Expected("a colon"), 5);
    refused("{} {}", Reason::TrailingData, 3);
    refused("tru", Reason::Expected("true, false or null"), 0);
    refused("[NaN]", Reason::Expected("a value"), 1);
    for bad in ["01", "1.", ".5", "+1", "-", "1e", "1e+", "00", "0x10", "1.2.3", "1a", "--1"] {
        let error = read(&format!("[{bad}]")).unwrap_err();
        assert!(matches!(error.reason, Reason::BadNumber | Reason::Expected("a value")), "{bad}: {error}");
    }
    refused(r#""\ud800""#, Reason::LoneSurrogate, 1);
    refused(r#""\ud800\u0041""#, Reason::LoneSurrogate, 1);
    refused(r#""\udc00""#, Reason::LoneSurrogate, 1);
    refused(r#""\x""#, Reason::BadEscape, 1);
    refused(r#""\u12g4""#, Reason::BadEscape, 1);
    refused("\"a\u{1}\"", Reason::ControlCharacter(1), 2);
    refused("\"abc", Reason::Truncated, 4);
    refused("{\"a\":1", Reason::Truncated, 6);
    assert_eq!(parse(b"\"\xff\"", &Limits::default()).unwrap_err().reason, Reason::NotUtf8);
    assert_eq!(parse(b"[1,2]", &Limits::bytes(4)).unwrap_err().reason, Reason::TooLong { limit: 4 });
}

#[test]
fn a_place_is_told_by_line_column_and_path() {
    let error = read("{\n \"entry\": [{}, {\"é\": {\"x\": 1, \"x\": 2}}]\n}").unwrap_err();
    assert_eq!((error.line, error.column, error.path.as_str()), (2, 31, "entry[1].é"));
    assert_eq!(
        error.to_string(),
        "line 2, column 31, in entry[1].é: the key \"x\" appears twice in one object"
    );
}

#[test]
fn nesting_is_limited_and_the_limit_is_named() {
    let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert!(read(&nested(64)).is_ok());
    refused(&nested(65), Reason::TooDeep { limit: 64 }, 64);
    refused(&"{\"a\":".repeat(1_000_000), Reason::TooDeep { limit: 64 }, 64 * 5);
    let all = Limits { max_bytes: usize::MAX, max_depth: usize::MAX };
    assert_eq!(
        parse("[".repeat(3_000_000).as_bytes(), &all).unwrap_err().reason,
        Reason::TooDeep { limit: 256 }
    );
    let deep = nested(256);
    let value = parse(deep.as_bytes(), &all).unwrap();
    assert_eq!(value.to_vec(), deep.as_bytes());
}

#[test]
fn an_object_of_many_keys_is_checked_without_walking_it_each_time() {
    let members: Vec<String> = (0..50_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let started = std::time::Instant::now();
    let text = format!("{{{}}}", members.join(","));
    assert_eq!(read(&text).unwrap().as_object().unwrap().len(), 50_000);
    assert!(started.elapsed().as_secs() < 5);
    for repeated in ["k3", "k40000"] {
        let error = read(&format!("{{{},\"{repeated}\":0}}", members.join(","))).unwrap_err();
        assert_eq!(error.reason, Reason::DuplicateKey { key: repeated.into() });
    }
}

#[test]
fn objects_keep_places_when_members_change() {
    let mut object = Object::from([("a", 1), ("b", 2), ("c", 3)]);
    assert_eq!(object.insert("b", "two"), Some(Value::from(2)));
    object.insert_at(1, "x", true);
    object.insert_at(0, "c", 9);
    assert_eq!(object.remove("a"), Some(Value::from(1)));
    assert_eq!(Value::Object(object).to_string(), r#"{"c":9,"x":true,"b":"two"}"#);
    let value = read(r#"{"entry":[{"a/b":{"~":1}}]}"#).unwrap();
    assert_eq!(value.pointer("/entry/0/a~1b/~0"), Some(&Value::from(1)));
    assert_eq!(value.pointer("/entry/1"), None);
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?"
            .prop_map(|n| Value::Number(Number::parse(&n).unwrap())),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(value in any_value()) {
        let compact = value.to_vec();
        prop_assert_eq!(&parse(&compact, &Limits::default()).unwrap(), &value);
        prop_assert_eq!(&parse(value.pretty().as_bytes(), &Limits::default()).unwrap(), &value);
        prop_assert_eq!(parse(&compact, &Limits::default()).unwrap().to_vec(), compact);
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = parse(&bytes, &Limits::default()) {
            prop_assert!(error.offset <= bytes.len());
        }
    }

    #[test]
    fn every_cut_of_a_document_is_refused(value in any_value(), cut in any::<prop::sample::Index>()) {
        let text = Value::from([value]).to_vec();
        let cut = cut.index(text.len());
        prop_assert!(parse(&text[..cut], &Limits::default()).is_err());
    }
}
