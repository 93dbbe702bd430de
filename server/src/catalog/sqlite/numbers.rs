//! Lists of numbers as few bytes: each in groups of seven bits, the lowest first.

/// Bytes that are no list of numbers.
#[derive(Debug, thiserror::Error)]
#[error("{0} bytes are no list of numbers")]
pub(super) struct NoNumbers(pub(super) usize);

pub(super) fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Numbers in ascending order, each as what it has more than the one before: few bytes for those that
/// are near each other, and the same bytes for the same set.
pub(super) fn of_ascending(numbers: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() * 3);
    let mut before = 0;
    for number in numbers {
        push(&mut bytes, number - before);
        before = *number;
    }
    bytes
}

pub(super) fn to_ascending(bytes: &[u8]) -> Result<Vec<u64>, NoNumbers> {
    let mut numbers = Vec::with_capacity(bytes.len() / 2 + 1);
    let mut before = 0_u64;
    for more in Numbers(bytes) {
        before =
            more.ok().and_then(|more| before.checked_add(more)).ok_or(NoNumbers(bytes.len()))?;
        numbers.push(before);
    }
    Ok(numbers)
}

/// The numbers in bytes, one after the other.
pub(super) struct Numbers<'a>(pub(super) &'a [u8]);

impl Iterator for Numbers<'_> {
    type Item = Result<u64, NoNumbers>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let mut number = 0;
        for (place, byte) in self.0.iter().enumerate().take(9) {
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                self.0 = &self.0[place + 1..];
                return Some(Ok(number));
            }
        }
        let refused = NoNumbers(self.0.len());
        self.0 = &[];
        Some(Err(refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        for numbers in [vec![], vec![0], vec![1, 2, 127, 128, 300, 1 << 53], vec![16_384, 16_385]] {
            assert_eq!(to_ascending(&of_ascending(&numbers)).unwrap(), numbers);
        }
        assert_eq!(of_ascending(&[142_381, 142_382]).len(), 4);
    }

    #[test]
    fn bytes_that_break_off_are_refused() {
        for bytes in [vec![0x80], vec![1, 0xff], vec![0xff; 12]] {
            assert!(to_ascending(&bytes).is_err(), "{bytes:?}");
        }
    }
}
