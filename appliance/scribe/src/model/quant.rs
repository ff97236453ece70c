//! How the numbers of a tensor are stored: blocks of 32 with a scale, as ggml has them.

use super::half;

/// Numbers in a block.
pub const BLOCK: usize = 32;

/// A way to store a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// 32-bit floats.
    F32,
    /// Half precision.
    F16,
    /// 4 bits, scale.
    Q4_0,
    /// 4 bits, scale and least value.
    Q4_1,
    /// 5 bits, scale.
    Q5_0,
    /// 5 bits, scale and least value.
    Q5_1,
    /// 8 bits, scale.
    Q8_0,
}

impl Type {
    /// By the number that stands before a tensor.
    pub fn of_tensor(code: u32) -> Option<Self> {
        Some(match code {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            _ => return None,
        })
    }

    /// By the number in the file's head, which says the version of the block formats as well.
    pub fn of_file(code: u32) -> Option<Self> {
        Some(match code {
            0 => Self::F32,
            1 => Self::F16,
            2002 => Self::Q4_0,
            2003 => Self::Q4_1,
            2007 => Self::Q8_0,
            2008 => Self::Q5_0,
            2009 => Self::Q5_1,
            _ => return None,
        })
    }

    /// The number before a tensor.
    pub fn tensor_code(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q5_0 => 6,
            Self::Q5_1 => 7,
            Self::Q8_0 => 8,
        }
    }

    /// The number in the file's head.
    pub fn file_code(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2002,
            Self::Q4_1 => 2003,
            Self::Q8_0 => 2007,
            Self::Q5_0 => 2008,
            Self::Q5_1 => 2009,
        }
    }

    /// Bytes of `count` numbers; `None` when they do not fill whole blocks.
    pub fn bytes(self, count: u64) -> Option<u64> {
        let block = match self {
            Self::F32 => return count.checked_mul(4),
            Self::F16 => return count.checked_mul(2),
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
        };
        if !count.is_multiple_of(BLOCK as u64) {
            return None;
        }
        (count / BLOCK as u64).checked_mul(block)
    }
}

/// One block of 8-bit numbers: the scale as a half, then 32 signed bytes.
pub fn q8_0(values: &[f32; BLOCK], out: &mut Vec<u8>) {
    let most = values.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let scale = most / 127.0;
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    out.extend_from_slice(&half::from_f32(scale).to_le_bytes());
    out.extend(values.iter().map(|value| ((value * inverse).round() as i8).to_le_bytes()[0]));
}

/// One block of 5-bit numbers: scale and least value as halves, the 32 fifth bits, then the low four bits of numbers 0..16 in the low
/// halves of 16 bytes and of 16..32 in the high ones.
pub fn q5_1(values: &[f32; BLOCK], out: &mut Vec<u8>) {
    let least = values.iter().copied().fold(f32::MAX, f32::min);
    let most = values.iter().copied().fold(f32::MIN, f32::max);
    let scale = (most - least) / 31.0;
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    out.extend_from_slice(&half::from_f32(scale).to_le_bytes());
    out.extend_from_slice(&half::from_f32(least).to_le_bytes());
    let steps = values.map(|value| ((value - least) * inverse + 0.5) as u8);
    let high =
        steps.iter().enumerate().fold(0_u32, |bits, (at, step)| bits | (u32::from(step >> 4 & 1) << at));
    out.extend_from_slice(&high.to_le_bytes());
    let (low, top) = steps.split_at(BLOCK / 2);
    out.extend(low.iter().zip(top).map(|(a, b)| (a & 0x0f) | ((b & 0x0f) << 4)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_stored_is_near_what_was_given(values in proptest::array::uniform32(-4.0_f32..4.0)) {
            let mut out = Vec::new();
            q8_0(&values, &mut out);
            prop_assert_eq!(out.len(), 34);
            let scale = half::to_f32(u16::from_le_bytes([out[0], out[1]]));
            for (value, stored) in values.iter().zip(&out[2..]) {
                prop_assert!((value - f32::from(stored.cast_signed()) * scale).abs() <= 0.51 * scale + 0.004);
            }
            out.clear();
            q5_1(&values, &mut out);
            prop_assert_eq!(out.len(), 24);
            let scale = half::to_f32(u16::from_le_bytes([out[0], out[1]]));
            let least = half::to_f32(u16::from_le_bytes([out[2], out[3]]));
            let high = u32::from_le_bytes([out[4], out[5], out[6], out[7]]);
            for (at, value) in values.iter().enumerate() {
                let low = if at < 16 { out[8 + at] & 15 } else { out[8 + at - 16] >> 4 };
                let step = u32::from(low) | ((high >> at & 1) << 4);
                prop_assert!((value - (step as f32 * scale + least)).abs() <= 0.52 * scale + 0.01);
            }
        }
    }

    #[test]
    fn a_block_of_nothing_stays_nothing() {
        let mut out = Vec::new();
        q8_0(&[0.0; BLOCK], &mut out);
        q5_1(&[0.0; BLOCK], &mut out);
        assert!(out.iter().all(|byte| *byte == 0));
    }
}
