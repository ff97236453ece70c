//! From the weights of a package (CTranslate2, half precision) to a file of whisper.cpp, quantised where asked.
//!
//! The order of tensors is [`layout`](super::layout)'s and never changes: the hashes in the manifest hang on it.

use std::io::Write;

use super::ct2::{File, Variable};
use super::layout::{self, Role, Shape, Tensor};
use super::quant::{self, BLOCK, Type};
use super::{ModelError, ggml, half, mel, vocabulary};

/// Writes the model of `weights` (a whole `model.bin`) with the tokens of `vocabulary` (the text of `vocabulary.txt`) as `kind`:
/// half precision, `Q8_0` or `Q5_1`.
///
/// # Errors
/// When the weights are no Whisper model, when they lack a tensor, or when writing fails.
pub fn convert(weights: &[u8], vocabulary: &str, kind: Type, out: &mut impl Write) -> Result<(), ModelError> {
    if !matches!(kind, Type::F16 | Type::Q8_0 | Type::Q5_1) {
        return Err(ModelError::bad("models are made as f16, q8_0 and q5_1"));
    }
    let file = File::read(weights)?;
    let shape = shape(&file)?;
    let tokens = vocabulary::read(vocabulary)?;
    head(&shape, kind, &tokens, out)?;
    for tensor in layout::tensors(&shape) {
        write(&tensor, &source(&file, &tensor.name)?, kind, out)?;
    }
    Ok(())
}

fn shape(file: &File<'_>) -> Result<Shape, ModelError> {
    let size = |name: &str, at: usize| -> Result<u32, ModelError> {
        let sizes = &file.get(name)?.sizes;
        sizes.get(at).copied().ok_or_else(|| ModelError::bad(format!("{name} has too few dimensions")))
    };
    let shape = Shape {
        vocabulary: size("decoder/embeddings/weight", 0)?,
        audio_context: size("encoder/position_encodings/encodings", 0)?,
        width: size("encoder/conv1/weight", 0)?,
        audio_layers: file.layers("encoder"),
        text_context: size("decoder/position_encodings/encodings", 0)?,
        text_layers: file.layers("decoder"),
        mels: size("encoder/conv1/weight", 1)?,
    };
    ggml::plausible(&shape)?;
    Ok(shape)
}

fn head(shape: &Shape, kind: Type, tokens: &[Vec<u8>], out: &mut impl Write) -> Result<(), ModelError> {
    let heads = shape.width / 64;
    let numbers = [
        ggml::MAGIC,
        shape.vocabulary,
        shape.audio_context,
        shape.width,
        heads,
        shape.audio_layers,
        shape.text_context,
        shape.width,
        heads,
        shape.text_layers,
        shape.mels,
        kind.file_code(),
        shape.mels,
        mel::BINS,
    ];
    for number in numbers {
        out.write_all(&number.to_le_bytes())?;
    }
    for weight in mel::filters(shape.mels) {
        out.write_all(&weight.to_le_bytes())?;
    }
    out.write_all(&(tokens.len() as u32).to_le_bytes())?;
    for token in tokens {
        out.write_all(&(token.len() as u32).to_le_bytes())?;
        out.write_all(token)?;
    }
    Ok(())
}

/// Part `part` of `of` equal ones of a variable, by rows.
struct Source<'a, 'f> {
    variable: &'f Variable<'a>,
    part: usize,
}

/// Which variable holds a tensor: query, key and value lie stacked in one.
fn source<'a, 'f>(file: &'f File<'a>, name: &str) -> Result<Source<'a, 'f>, ModelError> {
    let (rest, end) = name.rsplit_once('.').unwrap_or((name, ""));
    let norm = if end == "weight" { "gamma" } else { "beta" };
    let mut part = 0;
    let there = match name.split('.').collect::<Vec<_>>().as_slice() {
        [side, "positional_embedding"] => format!("{side}/position_encodings/encodings"),
        ["decoder", "token_embedding", _] => "decoder/embeddings/weight".to_owned(),
        ["encoder", conv @ ("conv1" | "conv2"), _] => format!("encoder/{conv}/{end}"),
        [side, "ln_post" | "ln", _] => format!("{side}/layer_norm/{norm}"),
        [side, "blocks", layer, inner @ ..] => {
            let layer = format!("{side}/layer_{layer}");
            match inner {
                ["attn_ln", _] => format!("{layer}/self_attention/layer_norm/{norm}"),
                ["cross_attn_ln", _] => format!("{layer}/attention/layer_norm/{norm}"),
                ["mlp_ln", _] => format!("{layer}/ffn/layer_norm/{norm}"),
                ["mlp", "0", _] => format!("{layer}/ffn/linear_0/{end}"),
                ["mlp", _, _] => format!("{layer}/ffn/linear_1/{end}"),
                ["attn", "out", _] => format!("{layer}/self_attention/linear_1/{end}"),
                ["attn", which, _] => {
                    part = match *which {
                        "query" => 0,
                        "key" => 1,
                        _ => 2,
                    };
                    format!("{layer}/self_attention/linear_0/{end}")
                }
                ["cross_attn", "query", _] => format!("{layer}/attention/linear_0/{end}"),
                ["cross_attn", "out", _] => format!("{layer}/attention/linear_2/{end}"),
                ["cross_attn", which, _] => {
                    part = usize::from(*which == "value");
                    format!("{layer}/attention/linear_1/{end}")
                }
                _ => rest.to_owned(),
            }
        }
        _ => rest.to_owned(),
    };
    Ok(Source { variable: file.get(&there)?, part })
}

fn write(
    tensor: &Tensor,
    source: &Source<'_, '_>,
    kind: Type,
    out: &mut impl Write,
) -> Result<(), ModelError> {
    let stored = match tensor.role {
        Role::Exact => Type::F32,
        Role::Kernel => Type::F16,
        Role::Matrix => kind,
    };
    out.write_all(&(tensor.sizes.len() as u32).to_le_bytes())?;
    out.write_all(&(tensor.name.len() as u32).to_le_bytes())?;
    out.write_all(&stored.tensor_code().to_le_bytes())?;
    for size in &tensor.sizes {
        out.write_all(&size.to_le_bytes())?;
    }
    out.write_all(tensor.name.as_bytes())?;
    let count = tensor.count() as usize;
    let numbers: Vec<f32> = source
        .variable
        .numbers(source.part * count, count)
        .ok_or_else(|| ModelError::bad(format!("{} is too short", tensor.name)))?
        .collect();
    let mut bytes = Vec::with_capacity(count * 4);
    match stored {
        Type::F32 => numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes())),
        Type::Q8_0 => blocks(&numbers, quant::q8_0, &mut bytes),
        Type::Q5_1 => blocks(&numbers, quant::q5_1, &mut bytes),
        Type::F16 | Type::Q4_0 | Type::Q4_1 | Type::Q5_0 => {
            numbers.iter().for_each(|number| bytes.extend_from_slice(&half::from_f32(*number).to_le_bytes()));
        }
    }
    out.write_all(&bytes)?;
    Ok(())
}

/// Rows are whole blocks, since a width is a multiple of 64.
fn blocks(numbers: &[f32], block: fn(&[f32; BLOCK], &mut Vec<u8>), out: &mut Vec<u8>) {
    for values in numbers.as_chunks().0 {
        block(values, out);
    }
}
