//! Elements of EBML (RFC 8794): an id, a size, content. Writing them, and reading back what was written here.

/// Appends an element.
pub(super) fn element(out: &mut Vec<u8>, id: u32, content: &[u8]) {
    put_id(out, id);
    put_size(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// Appends an unsigned number in as few bytes as it takes.
pub(super) fn number(out: &mut Vec<u8>, id: u32, value: u64) {
    let bytes = value.to_be_bytes();
    let zeros = bytes.iter().take(7).take_while(|byte| **byte == 0).count();
    element(out, id, bytes.get(zeros..).unwrap_or_default());
}

/// Appends a number with a fraction, always in eight bytes.
pub(super) fn fraction(out: &mut Vec<u8>, id: u32, value: f64) {
    element(out, id, &value.to_be_bytes());
}

/// Appends nothing: an element of `length` bytes in all (2 to 128) that readers pass over.
pub(super) fn void(out: &mut Vec<u8>, length: usize) {
    element(out, VOID, &vec![0; length.saturating_sub(2)]);
}

/// Of no meaning (section 11.3.2).
const VOID: u32 = 0xEC;

/// Appends an id as it is written in the standard: its first bits say how long it is.
pub(super) fn put_id(out: &mut Vec<u8>, id: u32) {
    let bytes = id.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    out.extend_from_slice(bytes.get(zeros..).unwrap_or_default());
}

fn put_size(out: &mut Vec<u8>, size: u64) {
    // All ones mean that the size is not known: such a number takes one byte more.
    let length = (1..8u32).find(|n| size < (1 << (7 * n)) - 1).unwrap_or(8);
    let marked = size | 1 << (7 * length);
    let bytes = marked.to_be_bytes();
    out.extend_from_slice(bytes.get(8 - length as usize..).unwrap_or_default());
}

/// The first element of `bytes`: its id, its content, and what follows. None when it is not whole.
pub(super) fn read(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let first = *bytes.first()?;
    let length = first.leading_zeros() as usize + 1;
    let (id, rest) = (length <= 4).then(|| bytes.split_at_checked(length))??;
    let id = id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    let first = *rest.first()?;
    let length = first.leading_zeros() as usize + 1;
    let (size, rest) = (length <= 8).then(|| rest.split_at_checked(length))??;
    let marked = size.iter().fold(0u64, |size, byte| size << 8 | u64::from(*byte));
    let size = usize::try_from(marked ^ 1 << (7 * length)).ok()?;
    let (content, rest) = rest.split_at_checked(size)?;
    Some((id, content, rest))
}

/// An unsigned number as content.
pub(super) fn value(content: &[u8]) -> Option<u64> {
    (content.len() <= 8).then(|| content.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_as_short_as_they_can_be() {
        let check = |length: usize, expected: &[u8]| {
            let mut out = Vec::new();
            element(&mut out, 0xA3, &vec![7; length]);
            assert_eq!(&out[..=expected.len()], &[&[0xA3], expected].concat(), "{length}");
        };
        check(0, &[0x80]);
        check(126, &[0xFE]);
        check(127, &[0x40, 0x7F]);
        check(16_382, &[0x7F, 0xFE]);
        check(16_383, &[0x20, 0x3F, 0xFF]);
    }

    #[test]
    fn nothing_takes_as_much_room_as_asked() {
        for length in [2, 11, 26, 128] {
            let mut out = Vec::new();
            void(&mut out, length);
            assert_eq!(out.len(), length);
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(id in prop::sample::select(vec![0xA3u32, 0x4489, 0x2A_D7B1, 0x1F43_B675]), content in prop::collection::vec(any::<u8>(), 0..20_000), number in any::<u64>()) {
            let mut out = Vec::new();
            element(&mut out, id, &content);
            super::number(&mut out, id, number);
            let (got, inner, rest) = read(&out).unwrap();
            prop_assert_eq!((got, inner), (id, content.as_slice()));
            let (got, inner, rest) = read(rest).unwrap();
            prop_assert_eq!((got, value(inner), rest), (id, Some(number), [].as_slice()));
        }

        #[test]
        fn anything_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some((_, content, rest)) = read(&bytes) {
                prop_assert!(content.len() + rest.len() < bytes.len());
            }
        }
    }
}
