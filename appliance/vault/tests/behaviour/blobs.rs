//! Content beside the database: what was reported durable is read back, and nothing else ever is.

use crate::common::*;
use clinicvault_vault::*;
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;

fn with_patients() -> Fixture {
    let f = fixture();
    put(&f.vault, "asha", "Asha", &[]);
    put(&f.vault, "ravi", "Ravi", &[]);
    f
}

fn written(f: &Fixture, chunks: &[Vec<u8>], finish: bool) -> BlobId {
    let mut blob = f.vault.new_blob("asha").unwrap();
    chunks.iter().for_each(|chunk| blob.append(chunk).unwrap());
    let id = blob.id();
    if finish {
        let sealed = blob.finish().unwrap();
        assert_eq!(sealed.bytes, chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>());
    }
    id
}

fn read(f: &Fixture, patient: &str, id: &BlobId) -> Result<(Vec<Vec<u8>>, Ending), BlobError> {
    let mut blob = f.vault.blob(patient, id)?;
    let mut chunks = Vec::new();
    while let Some(chunk) = blob.chunk()? {
        chunks.push(chunk.to_vec());
    }
    Ok((chunks, blob.ending().unwrap()))
}

fn file(f: &Fixture, id: &BlobId) -> PathBuf {
    f.data().join("blobs").join(id.to_string())
}

fn spoken(number: usize) -> Vec<u8> {
    format!("the patient said sentence number {number} aloud").into_bytes()
}

#[test]
fn content_comes_back_after_the_vault_was_closed_and_lies_in_no_file() {
    let mut f = with_patients();
    let chunks = vec![spoken(1), vec![7; MAX_CHUNK], spoken(3)];
    let id = written(&f, &chunks, true);
    f.reopen();
    let (back, ending) = read(&f, "asha", &id).unwrap();
    assert_eq!(back, chunks);
    assert!(matches!(ending, Ending::Whole(_)), "{ending:?}");
    let stored = fs::read(file(&f, &id)).unwrap();
    assert!(!stored.windows(8).any(|bytes| bytes == b"sentence"));
    assert_eq!(BlobId::parse(&id.to_string()), Some(id));
}

#[test]
fn chunks_are_passed_over_and_what_follows_is_as_sealed_as_ever() {
    let f = with_patients();
    let chunks: Vec<Vec<u8>> = (0..6).map(spoken).collect();
    let id = written(&f, &chunks, true);
    let long = chunks[0].len();
    let mut blob = f.vault.blob("asha", &id).unwrap();
    assert_eq!(blob.skip_within(long as u64 - 1).unwrap(), None, "longer than that");
    assert_eq!(blob.chunk().unwrap().unwrap().to_vec(), chunks[0], "and still there");
    assert_eq!(blob.skip_within(u64::MAX).unwrap(), Some(long));
    assert_eq!(blob.skip_within(u64::MAX).unwrap(), Some(long));
    for chunk in &chunks[3..] {
        assert_eq!(&blob.chunk().unwrap().unwrap().to_vec(), chunk);
    }
    assert_eq!(blob.skip_within(u64::MAX).unwrap(), None, "the end is not passed over");
    assert!(blob.chunk().unwrap().is_none());
    let whole: usize = chunks.iter().map(Vec::len).sum();
    assert!(matches!(blob.ending(), Some(Ending::Whole(sealed)) if sealed.bytes == whole as u64));
    // A byte that was turned over is found where it is read.
    let path = file(&f, &id);
    let mut stored = fs::read(&path).unwrap();
    let last = stored.len() - 100;
    stored[last] ^= 1;
    fs::write(&path, stored).unwrap();
    let mut blob = f.vault.blob("asha", &id).unwrap();
    assert_eq!(blob.skip_within(u64::MAX).unwrap(), Some(long));
    assert!(
        std::iter::from_fn(|| blob.chunk().transpose()).any(|chunk| matches!(chunk, Err(BlobError::Damaged)))
    );
}

#[test]
fn it_is_one_patients_and_goes_when_it_is_removed() {
    let f = with_patients();
    let id = written(&f, &[spoken(1)], true);
    assert!(matches!(read(&f, "ravi", &id), Err(BlobError::Damaged)));
    assert!(matches!(f.vault.new_blob("nobody"), Err(BlobError::NoPatient)));
    assert_eq!(f.vault.blobs().unwrap(), vec![id]);
    f.vault.remove_blob(&id).unwrap();
    f.vault.remove_blob(&id).unwrap();
    assert!(f.vault.blobs().unwrap().is_empty());
    assert!(matches!(read(&f, "asha", &id), Err(BlobError::NotFound)));
}

#[test]
fn lengths_are_bounded_and_a_refusal_breaks_nothing() {
    let f = with_patients();
    let mut blob = f.vault.new_blob("asha").unwrap();
    assert!(matches!(blob.append(&[]), Err(BlobError::Length)));
    assert!(matches!(blob.append(&vec![0; MAX_CHUNK + 1]), Err(BlobError::Length)));
    blob.append(&spoken(1)).unwrap();
    let id = blob.id();
    blob.finish().unwrap();
    assert_eq!(read(&f, "asha", &id).unwrap().0, vec![spoken(1)]);
}

#[test]
fn cut_short_anywhere_it_gives_the_whole_chunks_before_the_cut() {
    let f = with_patients();
    let chunks: Vec<Vec<u8>> = (0..3).map(spoken).collect();
    let id = written(&f, &chunks, true);
    let whole = fs::read(file(&f, &id)).unwrap();
    let mut most = 0;
    for length in (0..whole.len()).rev() {
        fs::write(file(&f, &id), &whole[..length]).unwrap();
        match read(&f, "asha", &id) {
            Ok((back, Ending::Cut(bytes))) => {
                assert_eq!(back, chunks[..back.len()]);
                assert_eq!(bytes, back.iter().map(|chunk| chunk.len() as u64).sum::<u64>());
                most = most.max(back.len());
            }
            // Within the head there is no key.
            Err(BlobError::Damaged) => assert!(length < 300, "{length}"),
            other => panic!("cut at {length}: {other:?}"),
        }
    }
    assert_eq!(most, chunks.len(), "only the end was missing");
}

#[test]
fn chunks_cannot_be_moved_left_out_or_taken_from_another() {
    let f = with_patients();
    let chunks: Vec<Vec<u8>> = (0..4).map(spoken).collect();
    let (one, two) = (written(&f, &chunks, true), written(&f, &chunks, true));
    let whole = fs::read(file(&f, &one)).unwrap();
    let other = fs::read(file(&f, &two)).unwrap();
    // All four are equally long: 4 + 1 + 24 before, 16 after.
    let chunk = chunks[0].len() + 45;
    let first = whole.len() - 4 * chunk - (40 + 45);
    let at = |number: usize| first + number * chunk..first + (number + 1) * chunk;
    let mut swapped = whole.clone();
    swapped[at(1)].copy_from_slice(&whole[at(2)]);
    swapped[at(2)].copy_from_slice(&whole[at(1)]);
    let mut foreign = whole.clone();
    foreign[at(1)].copy_from_slice(&other[at(1)]);
    let without = [&whole[..at(1).start], &whole[at(2).start..]].concat();
    let more = [whole.as_slice(), b"more"].concat();
    for changed in [swapped, foreign, without, more] {
        fs::write(file(&f, &one), changed).unwrap();
        assert!(matches!(read(&f, "asha", &one), Err(BlobError::Damaged)));
    }
}

#[test]
fn any_changed_byte_is_noticed() {
    let f = with_patients();
    let chunks: Vec<Vec<u8>> = (0..3).map(spoken).collect();
    let id = written(&f, &chunks, true);
    let whole = fs::read(file(&f, &id)).unwrap();
    let path = file(&f, &id);
    proptest!(ProptestConfig::with_cases(400), |(at in 0..whole.len(), flip in 1u8..)| {
        let mut changed = whole.clone();
        changed[at] ^= flip;
        fs::write(&path, changed).unwrap();
        match read(&f, "asha", &id) {
            // A longer length, or the last chunk changed: as if the power had gone.
            Ok((back, Ending::Cut(_))) => prop_assert_eq!(&back[..], &chunks[..back.len()]),
            Ok((_, Ending::Whole(_))) => prop_assert!(false, "byte {} was not noticed", at),
            Err(BlobError::Damaged) => {}
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    });
}
