//! Unmasking and the incremental UTF-8 check.

/// Undoes the mask: byte `n` is exclusive-ored with byte `n` modulo 4 of the key.
pub(super) fn unmask(bytes: &mut [u8], key: [u8; 4]) {
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte ^= key[index & 3];
    }
}

/// Checks UTF-8 that comes in pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8Stream {
    pending: [u8; 3],
    pending_count: u8,
}

#[derive(Debug)]
pub(super) struct Utf8Fault;

impl Utf8Stream {
    pub(super) fn new() -> Utf8Stream {
        Utf8Stream::default()
    }

    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), Utf8Fault> {
        while self.pending_count > 0 {
            let Some((&next, rest)) = bytes.split_first() else {
                return Ok(());
            };
            let count = usize::from(self.pending_count);
            let mut sequence = [0; 4];
            sequence[..count].copy_from_slice(&self.pending[..count]);
            sequence[count] = next;
            bytes = rest;
            match std::str::from_utf8(&sequence[..=count]) {
                Ok(_) => self.pending_count = 0,
                Err(fault) if fault.error_len().is_some() => return Err(Utf8Fault),
                Err(_) => {
                    self.pending[count] = next;
                    self.pending_count += 1;
                }
            }
        }
        let Err(fault) = std::str::from_utf8(bytes) else {
            return Ok(());
        };
        if fault.error_len().is_some() {
            return Err(Utf8Fault);
        }
        let tail = &bytes[fault.valid_up_to()..];
        self.pending[..tail.len()].copy_from_slice(tail);
        self.pending_count = tail.len() as u8;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), Utf8Fault> {
        if self.pending_count == 0 {
            Ok(())
        } else {
            Err(Utf8Fault)
        }
    }
}
