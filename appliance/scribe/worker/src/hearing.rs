//! One model, and how it is asked (thresholds: docs/decisions/0181).

use std::fs::File;
use std::io::BufReader;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clinicvault_scribe::engine::{Care, Heard};
use clinicvault_scribe::model::ggml;
use clinicvault_scribe::speech::{RATE, Segment, Word};
use clinicvault_scribe::wire::Answer;
use rustix::time::{ClockId, clock_gettime};
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperSegment, WhisperState,
};

/// The encoder's window for partial captions: 768 of 1500 frames are 15.4 s. Below it the stock models repeat themselves.
const SHORT: i32 = 768;
/// Shorter sound is filled up with silence: the models say little good of less.
const LEAST: usize = RATE * 11 / 10;

/// A model with its memory.
pub struct Loaded {
    context: WhisperContext,
    state: WhisperState,
    /// The parameters hold texts that the crate never frees: they are made anew only when the texts change.
    params: Option<(Texts, FullParams<'static, 'static>)>,
}

#[derive(PartialEq, Clone)]
struct Texts {
    care: Care,
    language: String,
    prompt: String,
}

impl Loaded {
    /// Checks the file's table once more, then gives it to the C++.
    pub fn open(path: &str) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        ggml::check(&mut BufReader::new(file)).map_err(|error| error.to_string())?;
        let mut params = WhisperContextParameters::default();
        // On a processor attention in one piece takes less memory and twice the time; it is for graphics.
        let graphics = cfg!(any(feature = "cuda", feature = "vulkan"));
        params.use_gpu(graphics).flash_attn(graphics);
        let context = WhisperContext::new_with_params(path, params).map_err(|error| error.to_string())?;
        let state = context.create_state().map_err(|error| error.to_string())?;
        Ok(Self { context, state, params: None })
    }

    /// Hears.
    pub fn hear(
        &mut self,
        care: Care,
        language: &str,
        prompt: &str,
        limit: Duration,
        samples: &[f32],
    ) -> Result<Heard, String> {
        let texts = Texts { care, language: language.to_owned(), prompt: prompt.replace('\0', " ") };
        if whisper_rs::get_lang_id(language).is_none() {
            return Err("the language is unknown".to_owned());
        }
        let params = match self.params.take() {
            Some((same, params)) if same == texts => params,
            _ => params(&texts),
        };
        self.params = Some((texts, params.clone()));
        let length = samples.len() * 1000 / RATE;
        let mut padded;
        let sound = if samples.len() < LEAST {
            padded = samples.to_vec();
            padded.resize(LEAST, 0.0);
            padded.as_slice()
        } else {
            samples
        };
        let before = cpu();
        begin(limit);
        let done = self.state.full(params, sound);
        if is_over() {
            return Err("it took longer than it may".to_owned());
        }
        done.map_err(|error| error.to_string())?;
        let end_of_text = self.context.token_eot();
        let segments =
            self.state.as_iter().map(|segment| piece(&segment, end_of_text, length as u64)).collect();
        Ok(Heard { segments, cpu: cpu().saturating_sub(before) })
    }
}

fn params(texts: &Texts) -> FullParams<'static, 'static> {
    let strategy = match texts.care {
        Care::Final { beam } if beam > 1 => {
            SamplingStrategy::BeamSearch { beam_size: i32::from(beam), patience: -1.0 }
        }
        Care::Partial | Care::Committed | Care::Final { .. } => SamplingStrategy::Greedy { best_of: 1 },
    };
    let mut params = FullParams::new(strategy);
    params.set_n_threads(1);
    params.set_no_context(true);
    params.set_temperature(0.0);
    params.set_temperature_inc(if matches!(texts.care, Care::Final { .. }) { 0.2 } else { 0.0 });
    params.set_entropy_thold(2.4);
    params.set_logprob_thold(-1.0);
    params.set_suppress_blank(true);
    params.set_suppress_nst(true);
    params.set_translate(false);
    // Leaked once for each language: the parameters outlive the order.
    params.set_language(Some(Box::leak(texts.language.clone().into_boxed_str())));
    if !texts.prompt.is_empty() {
        params.set_initial_prompt(&texts.prompt);
    }
    if texts.care == Care::Partial {
        params.set_audio_ctx(SHORT);
    }
    params.set_print_special(false);
    params.set_print_progress(false);
    params.set_print_realtime(false);
    params.set_print_timestamps(false);
    // The crate hands the C++ a pointer of another type than it reads back, which only a function without size survives.
    const { assert!(size_of_val(&tick) == 0) };
    params.set_abort_callback_safe(tick);
    params
}

/// A segment without special tokens; times never beyond the sound.
fn piece(segment: &WhisperSegment<'_>, end_of_text: i32, length: u64) -> Segment {
    let millis = |centis: i64| (u64::try_from(centis).unwrap_or(0) * 10).min(length);
    let start = millis(segment.start_timestamp());
    let mut words: Vec<(Vec<u8>, f32)> = Vec::new();
    for token in (0..segment.n_tokens()).filter_map(|at| segment.get_token(at)) {
        if token.token_id() >= end_of_text {
            continue;
        }
        let (Ok(bytes), share) = (token.to_bytes(), token.token_probability().clamp(0.0, 1.0)) else {
            continue;
        };
        match words.last_mut() {
            Some((word, least)) if !bytes.starts_with(b" ") => {
                word.extend_from_slice(bytes);
                *least = least.min(share);
            }
            _ => words.push((bytes.to_vec(), share)),
        }
    }
    let words = words.into_iter().filter_map(|(bytes, probability)| {
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        (!text.is_empty()).then_some(Word { text, probability })
    });
    Segment { start, end: millis(segment.end_timestamp()).max(start), words: words.collect() }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// When the present order is over, and when the box was last told that it goes on; milliseconds since the start.
static OVER_AT: AtomicU64 = AtomicU64::new(0);
static TOLD_AT: AtomicU64 = AtomicU64::new(0);

fn elapsed() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_millis().try_into().unwrap_or(u64::MAX)
}

fn begin(limit: Duration) {
    let now = elapsed();
    OVER_AT.store(now.saturating_add(limit.as_millis().try_into().unwrap_or(u64::MAX)), Ordering::Relaxed);
    TOLD_AT.store(now, Ordering::Relaxed);
}

fn is_over() -> bool {
    elapsed() > OVER_AT.load(Ordering::Relaxed)
}

/// Called by the C++ between steps: says once a second that it goes on, and whether to stop.
fn tick() -> bool {
    let now = elapsed();
    if now.saturating_sub(TOLD_AT.load(Ordering::Relaxed)) >= 1000 {
        TOLD_AT.store(now, Ordering::Relaxed);
        if crate::say(&Answer::Working).is_err() {
            return true;
        }
    }
    is_over()
}
