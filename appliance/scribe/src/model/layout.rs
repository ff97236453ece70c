//! Which tensors a Whisper model has, in which shape, and in which order the box's own files hold them.

/// The numbers at the head of a file that fix every tensor's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Entries of the vocabulary, special tokens included.
    pub vocabulary: u32,
    /// Frames of the encoder: 1500 are 30 s.
    pub audio_context: u32,
    /// Width of encoder and decoder.
    pub width: u32,
    /// Layers of the encoder.
    pub audio_layers: u32,
    /// Longest text of the decoder, tokens.
    pub text_context: u32,
    /// Layers of the decoder.
    pub text_layers: u32,
    /// Mel bands.
    pub mels: u32,
}

/// How a tensor may be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Always 32-bit floats.
    Exact,
    /// A convolution's kernel: half precision in quantised files, too.
    Kernel,
    /// A matrix: as the file's type says.
    Matrix,
}

/// One tensor that a file must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Name in the file.
    pub name: String,
    /// Sizes, innermost first.
    pub sizes: Vec<u32>,
    /// How it may be stored.
    pub role: Role,
}

impl Tensor {
    /// Numbers in it.
    pub fn count(&self) -> u64 {
        self.sizes.iter().map(|size| u64::from(*size)).product()
    }
}

/// All tensors of a model of this shape: first what is there once, then the blocks of the encoder, then the decoder's.
pub fn tensors(shape: &Shape) -> Vec<Tensor> {
    let Shape { vocabulary, audio_context, width, audio_layers, text_context, text_layers, mels } = *shape;
    let mut all = List(Vec::new());
    all.add("encoder.positional_embedding", &[width, audio_context], Role::Exact);
    for (name, inputs) in [("encoder.conv1", mels), ("encoder.conv2", width)] {
        all.add(&format!("{name}.weight"), &[3, inputs, width], Role::Kernel);
        all.add(&format!("{name}.bias"), &[1, width], Role::Exact);
    }
    all.add("decoder.positional_embedding", &[width, text_context], Role::Exact);
    all.add("decoder.token_embedding.weight", &[width, vocabulary], Role::Matrix);
    all.pair("encoder.ln_post", width);
    all.pair("decoder.ln", width);
    for layer in 0..audio_layers {
        all.block(&format!("encoder.blocks.{layer}"), width, false);
    }
    for layer in 0..text_layers {
        all.block(&format!("decoder.blocks.{layer}"), width, true);
    }
    all.0
}

struct List(Vec<Tensor>);

impl List {
    fn add(&mut self, name: &str, sizes: &[u32], role: Role) {
        self.0.push(Tensor { name: name.to_owned(), sizes: sizes.to_vec(), role });
    }

    fn pair(&mut self, name: &str, width: u32) {
        self.add(&format!("{name}.weight"), &[width], Role::Exact);
        self.add(&format!("{name}.bias"), &[width], Role::Exact);
    }

    fn linear(&mut self, name: &str, from: u32, to: u32, bias: bool) {
        self.add(&format!("{name}.weight"), &[from, to], Role::Matrix);
        if bias {
            self.add(&format!("{name}.bias"), &[to], Role::Exact);
        }
    }

    fn block(&mut self, name: &str, width: u32, crossed: bool) {
        for kind in ["attn", "cross_attn"].iter().take(if crossed { 2 } else { 1 }) {
            self.pair(&format!("{name}.{kind}_ln"), width);
            for part in ["query", "key", "value", "out"] {
                self.linear(&format!("{name}.{kind}.{part}"), width, width, part != "key");
            }
        }
        self.pair(&format!("{name}.mlp_ln"), width);
        self.linear(&format!("{name}.mlp.0"), width, 4 * width, true);
        self.linear(&format!("{name}.mlp.2"), 4 * width, width, true);
    }
}
