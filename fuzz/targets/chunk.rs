//! Chunked bodies: one answer, whole, byte by byte and cut once anywhere.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thirteen_kernels::http::{ChunkDecoder, ChunkEvent, ChunkFault};

/// The body, and how much input it took if it ended.
type Decoded = Result<(Vec<u8>, Option<usize>), ChunkFault>;

// The first byte says where the body is cut.
fuzz_target!(|input: &[u8]| {
    let Some((&cut, bytes)) = input.split_first() else {
        return;
    };
    let whole = decode(bytes, bytes.len().max(1));
    assert_eq!(decode(bytes, 1), whole, "byte by byte");
    let piece_bytes = usize::from(cut).max(1);
    assert_eq!(
        decode(bytes, piece_bytes),
        whole,
        "in pieces of {piece_bytes}"
    );
});

fn decode(input: &[u8], piece_bytes: usize) -> Decoded {
    let mut decoder = ChunkDecoder::new();
    let mut body = Vec::new();
    let mut consumed = 0;
    for piece in input.chunks(piece_bytes) {
        let mut rest = piece;
        loop {
            let step = decoder.decode(rest)?;
            consumed += step.consumed;
            match step.event {
                ChunkEvent::Data(range) => body.extend_from_slice(&rest[range]),
                ChunkEvent::Done => return Ok((body, Some(consumed))),
                ChunkEvent::NeedMore => {
                    assert_eq!(step.consumed, rest.len(), "all of the input is dealt with");
                    break;
                }
            }
            rest = &rest[step.consumed..];
        }
    }
    Ok((body, None))
}
