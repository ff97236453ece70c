//! Embeds the built web UI: writes a table of every file under `web-ui/dist`, each with its `.br` and `.gz` twin when
//! the UI's build made one. Without a built UI the table is empty and the program says how to build it. Of the catalogue
//! of texts it takes what the pages of the box itself say. Of the transcription workers it takes what packaging/workers.sh left in
//! the cargo target folder; without one the program says so. The fonts of printed pages come from packages of the web UI.
#![allow(clippy::disallowed_methods)] // Cargo speaks to build scripts through variables.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let crate_folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let dist = crate_folder.join("../web-ui/dist");
    // A watched folder that is missing would make every build start anew; an empty one does not.
    fs::create_dir_all(&dist)?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", dist.display());
    let dist = dist.canonicalize()?;
    let mut files = Vec::new();
    collect(&dist, &mut files)?;
    files.sort();
    let mut table = String::from("&[\n");
    for file in files.iter().filter(|file| !is_twin(file)) {
        let Some(name) = file.strip_prefix(&dist).ok().and_then(Path::to_str) else { continue };
        let twin = |ending: &str| {
            let path = PathBuf::from(format!("{}.{ending}", file.display()));
            if files.contains(&path) { format!("Some(include_bytes!({path:?}))") } else { "None".to_owned() }
        };
        let _ = writeln!(
            table,
            "    File {{ path: {name:?}, plain: include_bytes!({file:?}), br: {}, gz: {} }},",
            twin("br"),
            twin("gz")
        );
    }
    table.push_str("]\n");
    fs::write(out.join("web_ui.rs"), table)?;
    for language in ["en", "hi"] {
        words(&crate_folder.join(format!("../web-ui/src/text/{language}.json")), &out, language)?;
    }
    fonts(&crate_folder.join("../web-ui/node_modules/@expo-google-fonts"), &out)?;
    workers(&out)
}

/// Names the fonts of printed pages, for `include_bytes!`, where the web UI's packages are there (decision 0206).
fn fonts(packages: &Path, out: &Path) -> io::Result<()> {
    let file = |package: &str, style: &str| {
        let family: String = package.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        packages.join(format!("{package}/{style}/{family}_{style}.ttf"))
    };
    let mut table = String::from("Files {\n");
    for (name, package, style) in [
        ("latin", "noto-sans", "400Regular"),
        ("latin_bold", "noto-sans", "700Bold"),
        ("devanagari", "noto-sans-devanagari", "400Regular"),
        ("devanagari_bold", "noto-sans-devanagari", "700Bold"),
    ] {
        let path = file(package, style);
        let there = match path.canonicalize() {
            Ok(path) => {
                println!("cargo::rerun-if-changed={}", path.display());
                format!("Some(include_bytes!({path:?}))")
            }
            Err(_) => "None".to_owned(),
        };
        let _ = writeln!(table, "    {name}: {there},");
    }
    table.push_str("}\n");
    fs::write(out.join("fonts.rs"), table)
}

/// Names the packed workers that were built, for `include_bytes!`.
fn workers(out: &Path) -> io::Result<()> {
    // <target>/[<triple>/]<profile>/build/<package>/out
    let triple = env::var_os("TARGET").unwrap_or_default();
    let target = out.ancestors().skip(4).find(|folder| folder.file_name() != Some(triple.as_os_str()));
    let folder = target.unwrap_or(out).join("workers");
    fs::create_dir_all(&folder)?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut table = String::from("clinicvault_scribe::worker::Built {\n");
    for variant in ["avx2", "baseline"] {
        let file = folder.join(format!("{variant}.gz"));
        let there =
            if file.is_file() { format!("Some(include_bytes!({file:?}))") } else { "None".to_owned() };
        let _ = writeln!(table, "    {variant}: {there},");
    }
    table.push_str("}\n");
    fs::write(out.join("workers.rs"), table)
}

/// Takes out of the screens' catalogue what the pages say that the box makes itself. The catalogue has one key a line,
/// which a test of the web UI holds.
fn words(catalogue: &Path, out: &Path, language: &str) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", catalogue.display());
    let text = fs::read_to_string(catalogue)?;
    let wanted = |line: &&str| {
        ["consent.", "scope.", "age.", "sex."]
            .iter()
            .any(|room| line.trim_start().strip_prefix('"').is_some_and(|key| key.starts_with(room)))
    };
    let lines: Vec<&str> = text.lines().filter(wanted).map(|line| line.trim_end_matches(',')).collect();
    fs::write(out.join(format!("words.{language}.json")), format!("{{\n{}\n}}\n", lines.join(",\n")))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn is_twin(file: &Path) -> bool {
    let ending = file.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("br" | "gz")) && file.with_extension("").is_file()
}
