//! CTranslate2's `model.bin`, version 6, as the packages carry it: a list of named tensors, then a list of second names.
//!
//! Every length is checked against what is there. The numbers are not copied: a variable is a slice of the file.

use std::collections::BTreeMap;

use super::ModelError;
use super::half;

/// Most variables of a file; the largest Whisper has about 800.
const MOST: u32 = 10_000;

/// A tensor of the file.
#[derive(Debug, Clone)]
pub struct Variable<'a> {
    /// Sizes, outermost first.
    pub sizes: Vec<u32>,
    halves: &'a [u8],
}

impl Variable<'_> {
    /// Its numbers from `start`, `count` of them; `None` beyond its end.
    pub fn numbers(&self, start: usize, count: usize) -> Option<impl Iterator<Item = f32> + '_> {
        let part = self.halves.get(start.checked_mul(2)?..start.checked_add(count)?.checked_mul(2)?)?;
        Some(part.chunks_exact(2).map(|pair| half::to_f32(u16::from_le_bytes([pair[0], pair[1]]))))
    }
}

/// The tensors by name. Scalars (settings of the other engine) and integers are passed over.
#[derive(Debug)]
pub struct File<'a>(BTreeMap<String, Variable<'a>>);

impl<'a> File<'a> {
    /// Reads the table.
    ///
    /// # Errors
    /// When it is no version 6 Whisper file, is cut short, or a variable's size is not what its dimensions say.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ModelError> {
        let mut at = Cursor(bytes);
        if at.u32()? != 6 {
            return Err(ModelError::bad("not a model.bin of version 6"));
        }
        let spec = at.name()?;
        if spec != "WhisperSpec" || at.u32()? != 3 {
            return Err(ModelError::bad(format!("a {spec} is not a Whisper model of revision 3")));
        }
        let count = at.u32()?;
        if count > MOST {
            return Err(ModelError::bad(format!("{count} variables are more than a model has")));
        }
        let mut variables = BTreeMap::new();
        for _ in 0..count {
            let name = at.name()?;
            if let Some(variable) = at.variable(&name)? {
                variables.insert(name, variable);
            }
        }
        for _ in 0..at.u32()?.min(MOST) {
            let (_, _) = (at.name()?, at.name()?);
        }
        if !at.0.is_empty() {
            return Err(ModelError::bad(format!("{} bytes follow the end", at.0.len())));
        }
        Ok(Self(variables))
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Result<&Variable<'a>, ModelError> {
        self.0.get(name).ok_or_else(|| ModelError::bad(format!("it has no {name} in half precision")))
    }

    /// How many layers a side has.
    pub fn layers(&self, side: &str) -> u32 {
        (0..).take_while(|n| self.0.contains_key(&format!("{side}/layer_{n}/ffn/linear_0/weight"))).count()
            as u32
    }
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], ModelError> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or_else(|| ModelError::bad("the file is cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, ModelError> {
        Ok(self.take(1)?[0])
    }

    fn u32(&mut self) -> Result<u32, ModelError> {
        let taken = self.take(4)?;
        Ok(u32::from_le_bytes([taken[0], taken[1], taken[2], taken[3]]))
    }

    /// A length that counts the closing NUL, then the bytes.
    fn name(&mut self) -> Result<String, ModelError> {
        let taken = self.take(2)?;
        let bytes = self.take(usize::from(u16::from_le_bytes([taken[0], taken[1]])))?;
        match bytes.split_last() {
            Some((0, name)) => {
                String::from_utf8(name.to_vec()).map_err(|_| ModelError::bad("a name is not text"))
            }
            _ => Err(ModelError::bad("a name does not end where it says")),
        }
    }

    fn variable(&mut self, name: &str) -> Result<Option<Variable<'a>>, ModelError> {
        let rank = self.u8()?;
        if rank > 4 {
            return Err(ModelError::bad(format!("{name} has {rank} dimensions")));
        }
        let sizes = (0..rank).map(|_| self.u32()).collect::<Result<Vec<u32>, _>>()?;
        let kind = self.u8()?;
        let bytes = self.u32()?;
        let width: u64 = match kind {
            0 | 3 => 4,
            1 => 1,
            2 | 4 | 5 => 2,
            _ => return Err(ModelError::bad(format!("{name} has the unknown type {kind}"))),
        };
        let says = sizes.iter().try_fold(width, |product, size| product.checked_mul(u64::from(*size)));
        if says != Some(u64::from(bytes)) {
            return Err(ModelError::bad(format!("{name} has {bytes} bytes, which its sizes contradict")));
        }
        let data = self.take(bytes as usize)?;
        Ok((kind == 4 && rank > 0).then_some(Variable { sizes, halves: data }))
    }
}
