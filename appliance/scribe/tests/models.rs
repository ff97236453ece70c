//! Models as files: what is made from the packages' weights, what is refused, and how one comes in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod cache;

use std::fs;
use std::io::Cursor;

use clinicvault_scribe::model::manifest::{self, Entry};
use clinicvault_scribe::model::quant::Type;
use clinicvault_scribe::model::{ModelError, Store, convert, ggml};
use proptest::prelude::*;

/// The smallest file that has all that a model of four layers needs: width 64, every number 0.
fn small() -> Vec<u8> {
    let mut weights = Weights::default();
    weights.put("encoder/conv1/weight", &[64, 80, 3]);
    weights.put("encoder/conv2/weight", &[64, 64, 3]);
    for conv in ["conv1", "conv2"] {
        weights.put(&format!("encoder/{conv}/bias"), &[64]);
    }
    weights.put("encoder/position_encodings/encodings", &[1500, 64]);
    weights.put("decoder/position_encodings/encodings", &[448, 64]);
    weights.put("decoder/embeddings/weight", &[51_864, 64]);
    for (side, attentions) in [("encoder", 1), ("decoder", 2)] {
        weights.norm(&format!("{side}/layer_norm"));
        for layer in 0..4 {
            let block = format!("{side}/layer_{layer}");
            weights.norm(&format!("{block}/ffn/layer_norm"));
            weights.linear(&format!("{block}/ffn/linear_0"), 256, 64);
            weights.linear(&format!("{block}/ffn/linear_1"), 64, 256);
            weights.norm(&format!("{block}/self_attention/layer_norm"));
            weights.linear(&format!("{block}/self_attention/linear_0"), 192, 64);
            weights.linear(&format!("{block}/self_attention/linear_1"), 64, 64);
            if attentions == 2 {
                weights.norm(&format!("{block}/attention/layer_norm"));
                weights.linear(&format!("{block}/attention/linear_0"), 64, 64);
                weights.linear(&format!("{block}/attention/linear_1"), 128, 64);
                weights.linear(&format!("{block}/attention/linear_2"), 64, 64);
            }
        }
    }
    weights.file()
}

#[derive(Default)]
struct Weights {
    count: u32,
    body: Vec<u8>,
}

impl Weights {
    fn put(&mut self, name: &str, sizes: &[u32]) {
        self.count += 1;
        text(&mut self.body, name);
        self.body.push(sizes.len() as u8);
        sizes.iter().for_each(|size| self.body.extend_from_slice(&size.to_le_bytes()));
        self.body.push(4);
        let bytes = sizes.iter().product::<u32>() * 2;
        self.body.extend_from_slice(&bytes.to_le_bytes());
        self.body.resize(self.body.len() + bytes as usize, 0);
    }

    fn norm(&mut self, name: &str) {
        self.put(&format!("{name}/gamma"), &[64]);
        self.put(&format!("{name}/beta"), &[64]);
    }

    fn linear(&mut self, name: &str, to: u32, from: u32) {
        self.put(&format!("{name}/weight"), &[to, from]);
        self.put(&format!("{name}/bias"), &[to]);
    }

    fn file(self) -> Vec<u8> {
        let mut file = 6_u32.to_le_bytes().to_vec();
        text(&mut file, "WhisperSpec");
        file.extend_from_slice(&3_u32.to_le_bytes());
        file.extend_from_slice(&self.count.to_le_bytes());
        file.extend(self.body);
        file.extend_from_slice(&0_u32.to_le_bytes());
        file
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u16 + 1).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

fn made(kind: Type) -> Vec<u8> {
    let mut out = Vec::new();
    convert::convert(&small(), &"a\n".repeat(51_864), kind, &mut out).unwrap();
    out
}

#[test]
fn what_is_made_is_what_the_check_expects() {
    for kind in [Type::F16, Type::Q8_0, Type::Q5_1] {
        let summary = ggml::check(&mut Cursor::new(made(kind))).unwrap();
        assert_eq!((summary.kind, summary.multilingual, summary.layers), (kind, false, (4, 4)));
    }
}

#[test]
fn a_file_that_is_cut_or_longer_is_refused_wherever() {
    let whole = made(Type::Q8_0);
    let step = whole.len() / 401;
    for end in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
        let refused = ggml::check(&mut Cursor::new(&whole[..end])).unwrap_err();
        assert!(matches!(refused, ModelError::Bad(_)), "cut at {end}: {refused}");
    }
    let mut longer = whole;
    longer.push(0);
    assert!(ggml::check(&mut Cursor::new(longer)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// A changed byte of the head is noticed, or leaves a file that still has each tensor in its size.
    #[test]
    fn a_changed_number_of_the_head_is_noticed(at in 0_usize..56, to in any::<u8>()) {
        static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| made(Type::Q8_0));
        let mut file = WHOLE.clone();
        prop_assume!(file[at] != to);
        file[at] = to;
        prop_assert!(ggml::check(&mut Cursor::new(file)).is_err());
    }

    #[test]
    fn weights_that_are_cut_are_refused(share in 0.0_f64..1.0) {
        static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(small);
        let end = (WHOLE.len() as f64 * share) as usize;
        prop_assert!(clinicvault_scribe::model::ct2::File::read(&WHOLE[..end]).is_err());
    }
}

fn entry(name: &str) -> Entry {
    Entry {
        name: name.to_owned(),
        sha256: String::new(),
        bytes: 0,
        languages: vec!["hi".to_owned()],
        licence: "MIT".to_owned(),
        memory_mib: 100,
    }
}

#[test]
fn a_model_comes_from_a_file_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path().join("models"));
    let file = folder.path().join("usb.bin");
    fs::write(&file, made(Type::Q8_0)).unwrap();
    let unknown = store.import(&file, None).unwrap_err().to_string();
    assert!(unknown.contains("--name"), "{unknown}");
    let installed = store.import(&file, Some(entry("clinic-q8_0"))).unwrap();
    assert!(installed.path.ends_with(format!("{}.bin", installed.entry.sha256)));
    assert_eq!(store.find("clinic-q8_0").unwrap(), installed);
    store.verify(&installed).unwrap();
    // Its bytes are known now: a second name is not made, and a name is not given twice.
    assert_eq!(store.import(&file, None).unwrap(), installed);
    fs::write(&file, made(Type::F16)).unwrap();
    assert!(store.import(&file, Some(entry("clinic-q8_0"))).is_err());
    let mut bytes = fs::read(&installed.path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&installed.path, bytes).unwrap();
    assert!(matches!(store.verify(&installed), Err(ModelError::OtherHash { .. })));
    store.remove("clinic-q8_0").unwrap();
    assert!(store.find("clinic-q8_0").is_err() && store.entry("clinic-q8_0").is_err());
    assert!(store.remove("tiny.en-q8_0").is_err());
}

#[test]
fn a_download_goes_on_and_what_is_wrong_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let bytes = made(Type::Q8_0);
    let source = folder.path().join("source");
    fs::write(&source, &bytes).unwrap();
    let model = store.import(&source, Some(entry("clinic-q8_0"))).unwrap().entry;
    fs::remove_file(store.path(&model)).unwrap();

    let mut download = store.download(&model).unwrap();
    assert!(store.download(&model).is_err(), "two at once");
    download.write(&bytes[..1000]).unwrap();
    let short = download.finish().unwrap_err().to_string();
    assert!(short.contains("still missing"), "{short}");
    let mut download = store.download(&model).unwrap();
    assert_eq!(download.offset(), 1000);
    download.write(&bytes[1000..]).unwrap();
    assert!(download.write(b"x").is_err());
    assert_eq!(download.offset(), 0);

    let mut other = bytes.clone();
    other[5000] ^= 1;
    drop(download);
    let mut download = store.download(&model).unwrap();
    download.write(&other).unwrap();
    assert!(matches!(download.finish(), Err(ModelError::OtherHash { .. })));
    assert!(fs::read_dir(folder.path()).unwrap().all(|file| {
        let name = file.unwrap().file_name().into_string().unwrap();
        !name.ends_with(".part") && !name.ends_with(".bin")
    }));
}

#[test]
fn base_is_not_offered_for_hindi() {
    let known = manifest::known();
    assert!(known.iter().filter(|entry| entry.name.starts_with("base")).all(|entry| !entry.speaks("hi")));
    assert!(known.iter().any(|entry| entry.speaks("en")));
}

/// The packages' weights become, to the bit, the files that the manifest names.
#[test]
fn the_models_of_the_manifest_are_what_the_converter_makes() {
    for (weights, vocabulary, names) in cache::weights() {
        for name in names {
            let entry = manifest::known().into_iter().find(|entry| entry.name == *name).unwrap();
            let kind = match name.rsplit_once('-').unwrap().1 {
                "f16" => Type::F16,
                "q8_0" => Type::Q8_0,
                _ => Type::Q5_1,
            };
            let folder = tempfile::tempdir().unwrap();
            let store = Store::at(folder.path());
            let mut out = Vec::new();
            convert::convert(&weights, &vocabulary, kind, &mut out).unwrap();
            let mut download = store.download(&entry).unwrap();
            download.write(&out).unwrap();
            download.finish().unwrap();
        }
    }
}
