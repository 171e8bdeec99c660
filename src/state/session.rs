//! What a WebSocket client may say, and what follows from it.

use thirteen_kernels::config::OffsetBase;
use thirteen_kernels::config::frame::{FRAME_BYTES_MAX, Frame, FrameFault, decode_from_client};

use super::access::Writer;
use super::change::{Change, ClientId, Origin};
use super::hub::{Hub, Now, Outlet};
use super::replies::WindowFull;
use crate::auth::rate::{RateKey, RateTable, Verdict};
use crate::http::websocket::CloseCode;

/// One client's session, from the opening handshake on.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    base: OffsetBase,
    writer: Option<Writer>,
    /// Whose changes are counted.
    rate_key: RateKey,
}

/// A whole message of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'m> {
    /// A binary message.
    Binary(&'m [u8]),
    /// A text message.
    Text,
}

/// What is to be done after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Read on: what was due is with the hub.
    Read,
    /// Hand the change to the owner, then read on.
    Submit {
        /// The change.
        change: Change,
        /// Who asked for it.
        origin: Origin,
        /// The proof that the client may.
        writer: Writer,
    },
    /// Read nothing more until [`Outlet::resume`], then give this message again.
    Hold,
    /// Close the connection.
    Close {
        /// Why, as a number.
        code: CloseCode,
        /// Why, in words.
        reason: &'static str,
    },
}

impl Session {
    /// A session of a client that chose `base` and, given the proof, may write.
    pub fn new(base: OffsetBase, writer: Option<Writer>, rate_key: RateKey) -> Session {
        Session {
            base,
            writer,
            rate_key,
        }
    }

    /// How the client names fields.
    pub fn base(&self) -> OffsetBase {
        self.base
    }

    /// Takes a message of the client `id`; `writes` counts the changes that clients ask for.
    pub fn receive<O: Outlet>(
        &self,
        id: ClientId,
        message: Incoming<'_>,
        hub: &mut Hub<O>,
        writes: &RateTable,
        now: Now,
    ) -> Next {
        let bytes = match message {
            Incoming::Binary(bytes) => bytes,
            Incoming::Text => {
                let code = CloseCode::UNSUPPORTED;
                return Next::Close {
                    code,
                    reason: "Binary messages only",
                };
            }
        };
        if hub.room(id) == Err(WindowFull) {
            return Next::Hold;
        }
        let frame = decode_from_client(bytes, self.base);
        if matches!(frame, Ok(_) | Err(FrameFault::NotAllowed)) {
            hub.heard(id, now);
        }
        let wish = frame
            .and_then(|frame| Wish::of(&frame))
            .and_then(|wish| match wish {
                Wish::Change(change) => Ok(Permitted::Change(change, self.permit(writes, now)?)),
                Wish::Heartbeat => Ok(Permitted::Heartbeat),
                Wish::Sync => Ok(Permitted::Sync),
            });
        let done = match wish {
            Ok(Permitted::Change(change, writer)) => {
                hub.begin(id, change.frame()).map(|origin| Next::Submit {
                    change,
                    origin,
                    writer,
                })
            }
            Ok(Permitted::Heartbeat) => {
                hub.answer_heartbeat(id, now);
                Ok(Next::Read)
            }
            Ok(Permitted::Sync) => {
                hub.sync(id, now);
                Ok(Next::Read)
            }
            Err(fault) => hub.refuse_frame(id, fault, now).map(|()| Next::Read),
        };
        done.unwrap_or(Next::Hold)
    }

    /// Lets a change pass, and counts it.
    fn permit(&self, writes: &RateTable, now: Now) -> Result<Writer, FrameFault> {
        let writer = self.writer.ok_or(FrameFault::NotAllowed)?;
        match writes.check(self.rate_key, now.steady_ms) {
            Verdict::Allowed => Ok(writer),
            Verdict::Limited { .. } => Err(FrameFault::RateLimited),
        }
    }
}

/// What a valid frame asks for.
enum Wish {
    Change(Change),
    Heartbeat,
    Sync,
}

/// The same, where it is allowed.
enum Permitted {
    Change(Change, Writer),
    Heartbeat,
    Sync,
}

impl Wish {
    fn of(frame: &Frame<'_>) -> Result<Wish, FrameFault> {
        let change = match *frame {
            Frame::Update { field, value } => Change::update(field, value),
            Frame::Toggle { feature, switch } => Ok(Change::Toggle { feature, switch }),
            Frame::Resize { rows, cols } => Change::resize(rows, cols),
            Frame::Bulk(entries) => Change::bulk(entries.iter()),
            Frame::Heartbeat { .. } => return Ok(Wish::Heartbeat),
            Frame::SyncRequest => return Ok(Wish::Sync),
            // Text is for consoles, and there is none behind this session; the rest is the
            // server's to say.
            Frame::TerminalInput(_)
            | Frame::TerminalOutput(_)
            | Frame::RegisterPackage { .. }
            | Frame::Ack { .. }
            | Frame::Error { .. }
            | Frame::SyncResponse { .. } => return Err(FrameFault::NotAllowed),
        };
        Ok(Wish::Change(change?))
    }
}

/// The subprotocols, by preference when a client offers both in one breath; a client must offer
/// the first.
pub const SUBPROTOCOLS: [&str; 2] = ["bun.config.v1", "bun.config.v1.base0"];

/// How clients of a subprotocol name fields.
pub fn base_of_subprotocol(subprotocol: &str) -> Option<OffsetBase> {
    let [lockfile, zero] = SUBPROTOCOLS;
    if subprotocol == lockfile {
        Some(OffsetBase::Lockfile)
    } else if subprotocol == zero {
        Some(OffsetBase::Zero)
    } else {
        None
    }
}

/// The longest message that can be a frame; longer ones are refused by the WebSocket (1009).
pub const MESSAGE_BYTES_MAX: usize = FRAME_BYTES_MAX;
