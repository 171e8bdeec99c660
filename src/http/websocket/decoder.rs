//! Turns the bytes of a client into messages and control frames, however the stream is cut.

use std::ops::Range;

use thirteen_kernels::level::Level;
use thirteen_kernels::websocket::{Utf8Stream, unmask};

use super::close::CloseFrame;
use super::frame::{CONTROL_BYTES_MAX, Fragment, FrameHead, Opcode};
use super::violation::Violation;

/// An incremental decoder for one client.
///
/// A message that arrives whole in one frame and one buffer is unmasked where it lies and handed
/// out as a range of that buffer. Any other is gathered in memory that the decoder owns, never more
/// than `message_bytes_max` bytes (and 125 for a cut control frame), and that leaves with the
/// message: an idle decoder owns no memory beyond its own 96 bytes.
#[derive(Debug)]
pub struct Decoder {
    /// Payload of the open message that could not be handed out in place.
    message: Vec<u8>,
    /// Payload of a control frame that was cut; apart because it may interrupt a message.
    control: Vec<u8>,
    stage: Stage,
    /// The message that has begun and not ended.
    open: Option<MessageKind>,
    utf8: Utf8Stream,
    message_bytes_max: u32,
}

/// What one call of [`Decoder::decode`] achieved.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded {
    /// How many bytes of the input are done with: all of them unless there is an event.
    pub consumed_bytes: usize,
    /// The first thing that became complete.
    pub event: Option<Event>,
}

/// Something complete from the client.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A message, its fragments joined.
    Message {
        /// Text or binary.
        kind: MessageKind,
        /// Its bytes; those of a text message are UTF-8.
        payload: Payload,
    },
    /// A ping; a pong with the same payload is due.
    Ping(Payload),
    /// A pong.
    Pong(Payload),
    /// A close frame, after which nothing counts.
    Close(CloseFrame),
}

/// The two kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
}

/// Where the payload of an event is.
///
/// A place rather than a slice, so that a caller can keep reading in a loop without holding a
/// borrow of its buffer.
#[derive(Debug, PartialEq, Eq)]
pub enum Payload {
    /// In the input of the call that gave the event, unmasked in place.
    Input(Range<usize>),
    /// Gathered from several pieces.
    Gathered(Vec<u8>),
}

impl Decoder {
    /// A decoder for a connection that has exchanged no frame yet; a message of more than
    /// `message_bytes_max` bytes is a violation.
    pub fn new(level: Level, message_bytes_max: u32) -> Decoder {
        Decoder {
            message: Vec::new(),
            control: Vec::new(),
            stage: Stage::BetweenFrames,
            open: None,
            utf8: Utf8Stream::new(level),
            message_bytes_max,
        }
    }

    /// Reads `input` up to and including the first thing that it completes, unmasking what it
    /// reads. Call it again with the rest until all is consumed.
    ///
    /// A close frame is the last event: what follows is consumed and ignored. A violation is final:
    /// every later call returns it again.
    #[inline]
    pub fn decode(&mut self, input: &mut [u8]) -> Result<Decoded, Violation> {
        let mut consumed_bytes = 0;
        while consumed_bytes < input.len() {
            match self.step(input, &mut consumed_bytes) {
                Ok(None) => {}
                Ok(event) => {
                    return Ok(Decoded {
                        consumed_bytes,
                        event,
                    });
                }
                Err(violation) => {
                    self.fail(violation);
                    return Err(violation);
                }
            }
        }
        Ok(Decoded {
            consumed_bytes,
            event: None,
        })
    }

    /// Bytes of memory that are held for messages in progress.
    pub fn buffered_bytes(&self) -> usize {
        self.message.capacity() + self.control.capacity()
    }

    /// Reads at most one frame.
    #[inline]
    fn step(&mut self, input: &mut [u8], at: &mut usize) -> Result<Option<Event>, Violation> {
        let mut frame = match self.stage {
            Stage::BetweenFrames => match FrameHead::parse(&input[*at..])? {
                Some((head, head_bytes)) => {
                    *at += head_bytes;
                    self.begin(head)?
                }
                None => {
                    return self
                        .resume_head(PartialHead::EMPTY, input, at)
                        .map(|_| None);
                }
            },
            Stage::Head(partial) => match self.resume_head(partial, input, at)? {
                Some(frame) => frame,
                None => return Ok(None),
            },
            Stage::Payload(frame) => frame,
            Stage::Closed => {
                *at = input.len();
                return Ok(None);
            }
            Stage::Failed(violation) => return Err(violation),
        };
        let start = *at;
        let present = input.len() - start;
        let taken = usize::try_from(frame.rest_bytes).map_or(present, |rest| rest.min(present));
        *at = start + taken;
        let piece = start..*at;
        unmask(&mut input[piece.clone()], frame.key, 0);
        frame.rest_bytes -= taken as u64;
        self.stage = match frame.rest_bytes {
            0 => Stage::BetweenFrames,
            1.. => Stage::Payload(Frame {
                key: turned(frame.key, taken),
                ..frame
            }),
        };
        match frame.opcode {
            Opcode::Continuation | Opcode::Text | Opcode::Binary => self.data(frame, piece, input),
            Opcode::Close | Opcode::Ping | Opcode::Pong => self.control(frame, piece, input),
        }
    }

    /// Adds input to a head that was cut: the frame, or `None` if the head is still not whole.
    #[cold]
    fn resume_head(
        &mut self,
        mut partial: PartialHead,
        input: &[u8],
        at: &mut usize,
    ) -> Result<Option<Frame>, Violation> {
        let put_by = usize::from(partial.count);
        partial.extend(&input[*at..]);
        match FrameHead::parse(partial.bytes())? {
            Some((head, head_bytes)) => {
                *at += head_bytes - put_by;
                self.begin(head).map(Some)
            }
            None => {
                *at = input.len();
                self.stage = Stage::Head(partial);
                Ok(None)
            }
        }
    }

    #[inline]
    fn begin(&mut self, head: FrameHead) -> Result<Frame, Violation> {
        if !head.opcode.is_control() {
            self.begin_data(&head)?;
        }
        Ok(Frame {
            opcode: head.opcode,
            fragment: head.fragment,
            key: head.key,
            rest_bytes: head.payload_bytes,
        })
    }

    /// Checks that a data frame may come here and fits the bound, and opens its message.
    #[inline]
    fn begin_data(&mut self, head: &FrameHead) -> Result<(), Violation> {
        let kind = match (head.opcode, self.open) {
            (Opcode::Text, None) => MessageKind::Text,
            (Opcode::Binary, None) => MessageKind::Binary,
            (Opcode::Continuation, Some(kind)) => kind,
            (Opcode::Continuation, None) => return Err(Violation::NothingToContinue),
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(Violation::MessageInterrupted),
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => return Ok(()),
        };
        let room = self.message_bytes_max as usize - self.message.len();
        if head.payload_bytes > room as u64 {
            return Err(Violation::MessageTooBig);
        }
        self.open = Some(kind);
        Ok(())
    }

    /// Takes a piece of the open message.
    #[inline]
    fn data(
        &mut self,
        frame: Frame,
        piece: Range<usize>,
        input: &[u8],
    ) -> Result<Option<Event>, Violation> {
        let Some(kind) = self.open else {
            return Ok(None);
        };
        let is_last = frame.rest_bytes == 0 && frame.fragment == Fragment::Final;
        if kind == MessageKind::Text {
            self.check_text(&input[piece.clone()], is_last)?;
        }
        if is_last && self.message.is_empty() {
            self.open = None;
            return Ok(Some(Event::Message {
                kind,
                payload: Payload::Input(piece),
            }));
        }
        let most = match (frame.fragment, usize::try_from(frame.rest_bytes)) {
            (Fragment::Final, Ok(rest_bytes)) => self.message.len() + piece.len() + rest_bytes,
            (Fragment::Final, Err(_)) | (Fragment::More, _) => self.message_bytes_max as usize,
        };
        gather(&mut self.message, &input[piece], most);
        if !is_last {
            return Ok(None);
        }
        self.open = None;
        let payload = Payload::Gathered(std::mem::take(&mut self.message));
        Ok(Some(Event::Message { kind, payload }))
    }

    fn check_text(&mut self, piece: &[u8], is_last: bool) -> Result<(), Violation> {
        self.utf8.push(piece).map_err(|_| Violation::InvalidUtf8)?;
        if is_last {
            self.utf8.finish().map_err(|_| Violation::InvalidUtf8)?;
        }
        Ok(())
    }

    /// Takes a piece of a control frame.
    fn control(
        &mut self,
        frame: Frame,
        piece: Range<usize>,
        input: &[u8],
    ) -> Result<Option<Event>, Violation> {
        let is_whole = frame.rest_bytes == 0;
        let payload = if is_whole && self.control.is_empty() {
            Payload::Input(piece)
        } else {
            gather(&mut self.control, &input[piece], CONTROL_BYTES_MAX);
            if !is_whole {
                return Ok(None);
            }
            Payload::Gathered(std::mem::take(&mut self.control))
        };
        match frame.opcode {
            Opcode::Ping => Ok(Some(Event::Ping(payload))),
            Opcode::Pong => Ok(Some(Event::Pong(payload))),
            Opcode::Close => {
                let close = CloseFrame::parse(payload, input)?;
                self.message = Vec::new();
                self.stage = Stage::Closed;
                Ok(Some(Event::Close(close)))
            }
            Opcode::Continuation | Opcode::Text | Opcode::Binary => Ok(None),
        }
    }

    #[cold]
    fn fail(&mut self, violation: Violation) {
        self.message = Vec::new();
        self.control = Vec::new();
        self.stage = Stage::Failed(violation);
    }
}

impl Payload {
    /// The bytes; `input` is the buffer that was given to the call that gave the event, from
    /// where that call began to read.
    pub fn bytes<'a>(&'a self, input: &'a [u8]) -> &'a [u8] {
        match self {
            Payload::Input(range) => &input[range.clone()],
            Payload::Gathered(bytes) => bytes,
        }
    }

    /// The length.
    pub fn bytes_count(&self) -> usize {
        match self {
            Payload::Input(range) => range.len(),
            Payload::Gathered(bytes) => bytes.len(),
        }
    }

    /// Leaves out the first `count` bytes.
    pub(super) fn skip(&mut self, count: usize) {
        match self {
            Payload::Input(range) => range.start += count,
            Payload::Gathered(bytes) => drop(bytes.drain(..count)),
        }
    }
}

/// Where in a frame the decoder stands.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Before a frame.
    BetweenFrames,
    /// In a head, with what there is of it.
    Head(PartialHead),
    /// In a payload.
    Payload(Frame),
    /// After a close frame.
    Closed,
    /// After a violation.
    Failed(Violation),
}

/// The frame that is being read.
#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: Opcode,
    fragment: Fragment,
    /// The mask, turned so that its first byte belongs to the next byte of the payload.
    key: [u8; 4],
    rest_bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct PartialHead {
    head: [u8; FrameHead::BYTES_MAX],
    count: u8,
}

impl PartialHead {
    const EMPTY: PartialHead = PartialHead {
        head: [0; FrameHead::BYTES_MAX],
        count: 0,
    };

    /// Takes as much of `fresh` as a head can need.
    fn extend(&mut self, fresh: &[u8]) {
        let free = &mut self.head[usize::from(self.count)..];
        let taken = free.len().min(fresh.len());
        free[..taken].copy_from_slice(&fresh[..taken]);
        self.count += taken as u8;
    }

    fn bytes(&self) -> &[u8] {
        &self.head[..usize::from(self.count)]
    }
}

/// Appends a piece to what will come to at most `most` bytes. Memory doubles as bytes arrive and
/// is not taken when a head promises them: a promise costs a client nothing.
fn gather(gathered: &mut Vec<u8>, piece: &[u8], most: usize) {
    let needed = gathered.len() + piece.len();
    if needed > gathered.capacity() {
        let capacity = needed.max(2 * gathered.capacity()).min(most);
        gathered.reserve_exact(capacity - gathered.len());
    }
    gathered.extend_from_slice(piece);
}

/// The mask key as it applies `count` bytes further on.
fn turned(key: [u8; 4], count: usize) -> [u8; 4] {
    u32::from_be_bytes(key)
        .rotate_left((count % 4) as u32 * u8::BITS)
        .to_be_bytes()
}

const _: () = assert!(size_of::<Decoder>() <= 96);

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn decoder(message_bytes_max: u32) -> Decoder {
        Decoder::new(Level::detect(), message_bytes_max)
    }

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..=125 => bytes.push(0x80 | short as u8),
            long => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&u16::try_from(long).unwrap().to_be_bytes());
            }
        }
        bytes.extend_from_slice(&KEY);
        bytes.extend(
            payload
                .iter()
                .zip(KEY.iter().cycle())
                .map(|(byte, key)| byte ^ key),
        );
        bytes
    }

    /// Everything that a stream of pieces yields, with the payloads read out.
    fn run(decoder: &mut Decoder, pieces: &[&[u8]]) -> Result<Vec<String>, Violation> {
        let mut seen = Vec::new();
        for piece in pieces {
            let mut input = piece.to_vec();
            let mut at = 0;
            while at < input.len() {
                let decoded = decoder.decode(&mut input[at..])?;
                let rest = &input[at..];
                match decoded.event {
                    None => assert_eq!(decoded.consumed_bytes, rest.len()),
                    Some(event) => seen.push(show(&event, rest)),
                }
                at += decoded.consumed_bytes;
            }
        }
        Ok(seen)
    }

    fn show(event: &Event, input: &[u8]) -> String {
        let (name, payload) = match event {
            Event::Message { kind, payload } => (format!("{kind:?}"), payload),
            Event::Ping(payload) => ("Ping".to_owned(), payload),
            Event::Pong(payload) => ("Pong".to_owned(), payload),
            Event::Close(close) => (
                format!("Close {:?}", close.code.map(|code| code.number())),
                &close.reason,
            ),
        };
        let place = match payload {
            Payload::Input(_) => "in place",
            Payload::Gathered(_) => "gathered",
        };
        format!("{name} {} {place}", payload.bytes(input).escape_ascii())
    }

    #[test]
    fn whole_messages_are_read_in_place() {
        let stream = [
            frame(0x81, b"Hello"),
            frame(0x82, b"\xff"),
            frame(0x89, b"p"),
            frame(0x88, b""),
        ];
        let seen = run(&mut decoder(100), &[&stream.concat()]).unwrap();
        let expected = [
            "Text Hello in place",
            r"Binary \xff in place",
            "Ping p in place",
            "Close None  in place",
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn cut_frames_are_gathered_and_their_memory_leaves_with_them() {
        let bytes = [frame(0x81, b"Hello"), frame(0x89, b"ping")].concat();
        for cut in 1..bytes.len() {
            let mut decoder = decoder(100);
            let seen = run(&mut decoder, &[&bytes[..cut], &bytes[cut..]]).unwrap();
            assert_eq!(seen.len(), 2, "{cut}");
            assert!(seen[0].starts_with("Text Hello "), "{cut}");
            assert!(seen[1].starts_with("Ping ping "), "{cut}");
            assert_eq!(decoder.buffered_bytes(), 0);
        }
    }

    #[test]
    fn control_frames_pass_between_fragments() {
        let stream = [
            frame(0x01, b"frag"),
            frame(0x89, b"between"),
            frame(0x00, b""),
            frame(0x80, b"ments"),
        ];
        let seen = run(&mut decoder(100), &[&stream.concat()]).unwrap();
        assert_eq!(seen, ["Ping between in place", "Text fragments gathered"]);
    }

    #[test]
    fn characters_may_be_cut_by_frames_but_not_by_the_end() {
        let whole = [frame(0x01, b"\xe2\x82"), frame(0x80, b"\xac")].concat();
        assert_eq!(
            run(&mut decoder(9), &[&whole]).unwrap(),
            [r"Text \xe2\x82\xac gathered"]
        );
        let cut = [frame(0x01, b"\xe2"), frame(0x80, b"\x82")].concat();
        assert_eq!(run(&mut decoder(9), &[&cut]), Err(Violation::InvalidUtf8));
    }

    #[test]
    fn text_fails_at_its_first_impossible_byte() {
        let bytes = frame(0x81, b"\xf4\x90and what follows");
        let head_bytes = 6;
        let mut decoder = decoder(100);
        assert_eq!(run(&mut decoder, &[&bytes[..head_bytes + 1]]), Ok(vec![]));
        let impossible = &bytes[head_bytes + 1..head_bytes + 2];
        assert_eq!(
            run(&mut decoder, &[impossible]),
            Err(Violation::InvalidUtf8)
        );
    }

    #[test]
    fn one_text_does_not_taint_the_next() {
        let stream = [
            frame(0x01, b"\xc3"),
            frame(0x80, b"\xa9"),
            frame(0x81, b"\xa9"),
        ]
        .concat();
        assert_eq!(
            run(&mut decoder(9), &[&stream]),
            Err(Violation::InvalidUtf8)
        );
    }

    #[test]
    fn the_bound_holds_for_a_frame_and_for_the_sum_of_fragments() {
        let fits = frame(0x82, &[0; 10]);
        assert_eq!(run(&mut decoder(10), &[&fits]).unwrap().len(), 1);
        let head_of_more = &frame(0x82, &[0; 11])[..6];
        assert_eq!(
            run(&mut decoder(10), &[head_of_more]),
            Err(Violation::MessageTooBig)
        );
        let sum = [
            frame(0x02, &[0; 6]),
            frame(0x00, &[0; 4]),
            frame(0x80, &[0; 1]),
        ]
        .concat();
        assert_eq!(
            run(&mut decoder(10), &[&sum]),
            Err(Violation::MessageTooBig)
        );
    }

    #[test]
    fn memory_follows_the_bytes_that_came() {
        let mut decoder = decoder(1 << 20);
        let head_and_one_byte = [0x82, 0xff, 0, 0, 0, 0, 0, 0x0f, 0, 0, 1, 2, 3, 4, 0];
        assert_eq!(run(&mut decoder, &[&head_and_one_byte]), Ok(vec![]));
        assert!(
            decoder.buffered_bytes() <= 16,
            "{}",
            decoder.buffered_bytes()
        );
    }

    #[test]
    fn a_violation_is_final_and_frees_the_memory() {
        let mut decoder = decoder(100);
        assert_eq!(run(&mut decoder, &[&frame(0x01, b"open")]), Ok(vec![]));
        assert_eq!(
            run(&mut decoder, &[&frame(0x81, b"")]),
            Err(Violation::MessageInterrupted)
        );
        assert_eq!(decoder.buffered_bytes(), 0);
        assert_eq!(
            run(&mut decoder, &[&frame(0x81, b"ok")]),
            Err(Violation::MessageInterrupted)
        );
    }

    #[test]
    fn a_close_frame_is_the_last_event_and_frees_the_memory() {
        let mut decoder = decoder(100);
        let stream = [
            frame(0x01, b"open"),
            frame(0x88, b""),
            frame(0x80, b"end"),
            vec![0x70],
        ];
        assert_eq!(
            run(&mut decoder, &[&stream.concat()]).unwrap(),
            ["Close None  in place"]
        );
        assert_eq!(decoder.buffered_bytes(), 0);
    }

    #[test]
    fn continuation_needs_something_to_continue() {
        let stream = [frame(0x81, b"whole"), frame(0x80, b"more")].concat();
        assert_eq!(
            run(&mut decoder(100), &[&stream]),
            Err(Violation::NothingToContinue)
        );
    }
}
