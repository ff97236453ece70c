//! The file of whisper.cpp, read up to its last byte before the C++ gets it: head, mel filters, vocabulary, and each tensor with its
//! name, shape, type and place. What passes here has everything that the loader will ask for, once, and nothing else.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use super::layout::{self, Role, Shape};
use super::quant::Type;
use super::{ModelError, mel, read};

/// `ggml`, as a number.
pub const MAGIC: u32 = 0x6767_6d6c;

/// What a file's head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// How its matrices are stored.
    pub kind: Type,
    /// Whether it knows other languages than English.
    pub multilingual: bool,
    /// Bytes of the tensors.
    pub weights: u64,
    /// Layers of encoder and decoder.
    pub layers: (u32, u32),
    /// Width.
    pub width: u32,
}

/// Reads a file from its start to its end. Data of tensors is skipped, not read.
///
/// # Errors
/// [`ModelError::Bad`] names what is wrong first.
pub fn check(file: &mut (impl Read + Seek)) -> Result<Summary, ModelError> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    if read::u32(file, "the head")? != MAGIC {
        return Err(ModelError::bad("it does not begin as a ggml file; models for whisper.cpp are wanted"));
    }
    let (shape, kind) = head(file)?;
    filters(file, &shape)?;
    vocabulary(file, &shape)?;
    let weights = tensors(file, &shape, kind, length)?;
    Ok(Summary {
        kind,
        multilingual: shape.vocabulary > 51_864,
        weights,
        layers: (shape.audio_layers, shape.text_layers),
        width: shape.width,
    })
}

fn head(file: &mut impl Read) -> Result<(Shape, Type), ModelError> {
    let mut number = |what| read::u32(file, what);
    let vocabulary = number("the size of the vocabulary")?;
    let audio_context = number("the audio context")?;
    let width = number("the width")?;
    let heads = number("the heads")?;
    let audio_layers = number("the encoder's layers")?;
    let text_context = number("the text context")?;
    let text_width = number("the decoder's width")?;
    let text_heads = number("the decoder's heads")?;
    let text_layers = number("the decoder's layers")?;
    let mels = number("the mel bands")?;
    let code = number("the type")?;
    let shape = Shape { vocabulary, audio_context, width, audio_layers, text_context, text_layers, mels };
    plausible(&shape)?;
    if text_width != width || heads != width / 64 || text_heads != heads {
        return Err(ModelError::bad("its widths and heads do not fit together"));
    }
    let kind = Type::of_file(code)
        .ok_or_else(|| ModelError::bad(format!("its type {code} is none that is known")))?;
    Ok((shape, kind))
}

/// Whether the numbers are those of a Whisper model. The loader looks up some of them and aborts on others.
pub(super) fn plausible(shape: &Shape) -> Result<(), ModelError> {
    let refuse = |what: &str, value: u32| Err(ModelError::bad(format!("{what} is {}", value.cast_signed())));
    match shape {
        Shape { vocabulary, .. } if !(51_864..=51_866).contains(vocabulary) => {
            refuse("the size of its vocabulary", *vocabulary)
        }
        Shape { audio_context, .. } if *audio_context != 1500 => refuse("its audio context", *audio_context),
        Shape { text_context, .. } if *text_context != 448 => refuse("its text context", *text_context),
        Shape { width, .. } if !(64..=2048).contains(width) || !width.is_multiple_of(64) => {
            refuse("its width", *width)
        }
        Shape { audio_layers, .. } if ![4, 6, 12, 24, 32].contains(audio_layers) => {
            refuse("the number of its encoder's layers", *audio_layers)
        }
        Shape { text_layers, .. } if !(1..=32).contains(text_layers) => {
            refuse("the number of its decoder's layers", *text_layers)
        }
        Shape { mels, .. } if ![80, 128].contains(mels) => refuse("the number of its mel bands", *mels),
        _ => Ok(()),
    }
}

fn filters(file: &mut (impl Read + Seek), shape: &Shape) -> Result<(), ModelError> {
    read::count(file, "the filters' bands", shape.mels..=shape.mels)?;
    read::count(file, "the filters' bins", mel::BINS..=mel::BINS)?;
    for _ in 0..shape.mels * mel::BINS {
        let weight = f32::from_le_bytes(read::bytes(file, "the mel filters")?);
        if !weight.is_finite() {
            return Err(ModelError::bad("a mel filter is not a number"));
        }
    }
    Ok(())
}

fn vocabulary(file: &mut impl Read, shape: &Shape) -> Result<(), ModelError> {
    let count = read::count(file, "the number of tokens", 50_256..=shape.vocabulary)?;
    for _ in 0..count {
        let length = read::count(file, "a token's length", 0..=1024)?;
        read::text(file, length, "the vocabulary")?;
    }
    Ok(())
}

fn tensors(file: &mut (impl Read + Seek), shape: &Shape, kind: Type, length: u64) -> Result<u64, ModelError> {
    let mut wanted: BTreeMap<String, layout::Tensor> =
        layout::tensors(shape).into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
    let mut weights = 0;
    let mut at = file.stream_position()?;
    while at < length {
        let dimensions = read::count(file, "a tensor's dimensions", 1..=3)?;
        let letters = read::count(file, "a tensor's name's length", 1..=64)?;
        let stored = read::u32(file, "a tensor's type")?;
        let sizes =
            (0..dimensions).map(|_| read::u32(file, "a tensor's sizes")).collect::<Result<Vec<_>, _>>()?;
        let name = String::from_utf8_lossy(&read::text(file, letters, "a tensor's name")?).into_owned();
        let tensor = wanted
            .remove(&name)
            .ok_or_else(|| ModelError::bad(format!("{name:?} is unknown or there twice")))?;
        if tensor.sizes != sizes {
            return Err(ModelError::bad(format!("{name} has the sizes {sizes:?}, not {:?}", tensor.sizes)));
        }
        let must = match tensor.role {
            Role::Exact => Type::F32,
            Role::Kernel if kind == Type::F32 => Type::F32,
            Role::Kernel => Type::F16,
            Role::Matrix => kind,
        };
        if Type::of_tensor(stored) != Some(must) {
            return Err(ModelError::bad(format!("{name} is stored as type {stored}, not as {must:?}")));
        }
        let bytes = must
            .bytes(tensor.count())
            .ok_or_else(|| ModelError::bad(format!("{name} does not fill whole blocks")))?;
        weights += bytes;
        at = file.stream_position()? + bytes;
        if at > length {
            return Err(ModelError::bad(format!("the file ends inside {name}: it is cut short")));
        }
        file.seek(SeekFrom::Start(at))?;
    }
    match wanted.keys().next() {
        None => Ok(weights),
        Some(name) => Err(ModelError::bad(format!("{name} is missing, and {} more", wanted.len() - 1))),
    }
}
