//! The mel filter bank that the models were trained with: Slaney's scale, 16 kHz, 400 samples a frame, each band of unit area.
//! Rounded to 32 bits before and after the areas are made equal, which gives the published table bit for bit.

/// Frequencies of a frame: 400 samples give 201.
pub const BINS: u32 = 201;

/// `bands` rows of [`BINS`] weights.
pub fn filters(bands: u32) -> Vec<f32> {
    let edges = edges(bands);
    let mut table = Vec::with_capacity((bands * BINS) as usize);
    for ((low, middle), high) in edges.iter().zip(edges.iter().skip(1)).zip(edges.iter().skip(2)) {
        let area = 2.0 / (high - low);
        for bin in 0..BINS {
            let frequency = f64::from(bin) * 40.0;
            let rising = -(low - frequency) / (middle - low);
            let falling = (high - frequency) / (high - middle);
            let weight = rising.min(falling).max(0.0) as f32;
            table.push((f64::from(weight) * area) as f32);
        }
    }
    // The published table begins with a negative zero, and the files' hashes hang on it.
    if let Some(first) = table.first_mut() {
        *first = -0.0;
    }
    table
}

/// The corners of the triangles in Hz, evenly spaced on the mel scale from 0 to 8 kHz.
fn edges(bands: u32) -> Vec<f64> {
    const LINEAR: f64 = 200.0 / 3.0;
    const BEND: f64 = 1000.0;
    let bend = BEND / LINEAR;
    let step = 6.4_f64.ln() / 27.0;
    let top = bend + (8000.0_f64 / BEND).ln() / step;
    let count = f64::from(bands + 1);
    (0..=bands + 1)
        .map(|at| if at == bands + 1 { top } else { f64::from(at) * (top / count) })
        .map(|mel| if mel >= bend { BEND * (step * (mel - bend)).exp() } else { LINEAR * mel })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_band_rises_and_falls_once_and_has_unit_area() {
        for bands in [80, 128] {
            let table = filters(bands);
            assert_eq!(table.len(), (bands * BINS) as usize);
            for row in table.chunks(BINS as usize) {
                let top = row.iter().copied().fold(0.0_f32, f32::max);
                assert!(top > 0.0);
                let turns = row.windows(3).filter(|w| w[1] > w[0] && w[1] >= w[2] && w[1] > 0.0).count();
                assert_eq!(turns, 1);
            }
        }
    }
}
