//! The session of a WebSocket client that follows the configuration: the glue between its
//! connection and its shard's hub.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use thirteen_kernels::config::OffsetBase;

use crate::auth::principal::Standing;
use crate::context::Context;
use crate::http::websocket::{CloseCode, Ending, MessageKind, Payload};
use crate::http::{Event, Live, LiveEnd, Pause};
use crate::ring::{Outgoing, TcpStream};
use crate::telemetry::{Counter, Fault};

use super::access::Caller;
use super::change::{ClientId, Expected};
use super::hub::{Outlet, Sent};
use super::session::{Incoming, Next, Rules, Session};

/// The sending side of a client, as the hub holds it.
pub(super) struct Outbox {
    stream: Rc<TcpStream>,
    notes: Rc<Notes>,
}

/// What the hub wants its session to know.
#[derive(Default)]
struct Notes {
    is_blocked: Cell<bool>,
    may_resume: Cell<bool>,
    close: Cell<Option<(CloseCode, &'static str)>>,
    session: RefCell<Option<Waker>>,
}

impl Outlet for Outbox {
    fn try_send(&self, messages: &Bytes) -> Sent {
        if self
            .stream
            .start_send(Outgoing::Shared(messages.clone()))
            .is_ok()
        {
            return Sent::Taken;
        }
        self.notes.is_blocked.set(true);
        self.notes.wake();
        Sent::Busy
    }

    fn resume(&self) {
        self.notes.may_resume.set(true);
        self.notes.wake();
    }

    fn close(self, code: CloseCode, reason: &'static str) {
        self.notes.close.set(Some((code, reason)));
        self.notes.wake();
    }
}

impl Notes {
    fn wake(&self) {
        if let Some(waker) = self.session.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// What a session deals with next.
enum Step {
    FromPeer(Event),
    Paused(Pause),
    Drained,
    Resumed,
    Close(CloseCode, &'static str),
}

/// Runs a client's session until its connection ends.
pub(super) async fn follow(
    context: Rc<Context>,
    live: Live,
    base: OffsetBase,
    caller: Caller,
    staff: Option<Standing>,
) {
    let _counted = context.count_websocket();
    let key = context.house.rate_keys.peer(live.peer().ip());
    let notes = Rc::new(Notes::default());
    let outbox = Outbox {
        stream: live.stream().clone(),
        notes: notes.clone(),
    };
    let id = context
        .state
        .hub()
        .borrow_mut()
        .join(outbox, base, context.state.now());
    let session = Session::new(base, caller, key);
    let mut client = Client {
        context: context.clone(),
        live,
        notes,
        id,
        session,
        staff,
        held: None,
    };
    // The hub watches how long a client is silent or blocked.
    client.live.set_deadline(None);
    let end = client.run().await;
    context.state.hub().borrow_mut().leave(id);
    match end {
        End::Close(code, reason) => client.live.close(code, reason).await,
        End::Ended => client.live.finish().await,
    }
}

struct Client {
    context: Rc<Context>,
    live: Live,
    notes: Rc<Notes>,
    id: ClientId,
    session: Session,
    /// The proof of a caller who is staff.
    staff: Option<Standing>,
    /// A message that the hub had no room for.
    held: Option<(MessageKind, Payload)>,
}

enum End {
    Close(CloseCode, &'static str),
    Ended,
}

impl Client {
    async fn run(&mut self) -> End {
        loop {
            let step = poll_fn(|context| self.poll_step(context)).await;
            let state = &self.context.state;
            let end = match step {
                Step::FromPeer(Event::Message(kind, payload)) => self.receive(kind, payload),
                Step::FromPeer(Event::Alive) => {
                    state.hub().borrow_mut().heard(self.id, state.now());
                    None
                }
                Step::FromPeer(Event::End(end)) => {
                    if let LiveEnd::Closed(Ending::Violated(_)) = end {
                        self.context.telemetry.fault(Fault::WebSocketProtocol);
                    }
                    Some(End::Ended)
                }
                Step::Drained => {
                    state.hub().borrow_mut().drained(self.id, state.now());
                    None
                }
                Step::Resumed => match self.held.take() {
                    Some((kind, payload)) => self.receive(kind, payload),
                    None => None,
                },
                Step::Close(code, reason) => {
                    self.context.telemetry.fault(Fault::ClientTimeout);
                    Some(End::Close(code, reason))
                }
                Step::Paused(Pause::Interrupted) if self.context.draining.is_raised() => {
                    Some(End::Close(CloseCode::GOING_AWAY, "Server stops"))
                }
                Step::Paused(Pause::Interrupted | Pause::Deadline) => None,
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    fn poll_step(&mut self, context: &mut TaskContext<'_>) -> Poll<Step> {
        if let Some((code, reason)) = self.notes.close.take() {
            return Poll::Ready(Step::Close(code, reason));
        }
        if self.notes.is_blocked.get() && self.live.stream().poll_sent(context).is_ready() {
            self.notes.is_blocked.set(false);
            return Poll::Ready(Step::Drained);
        }
        let step = if self.held.is_none() {
            self.live.poll_next(context).map(|event| match event {
                Ok(event) => Step::FromPeer(event),
                Err(pause) => Step::Paused(pause),
            })
        } else if self.notes.may_resume.take() {
            Poll::Ready(Step::Resumed)
        } else {
            Poll::Pending
        };
        if step.is_pending() {
            *self.notes.session.borrow_mut() = Some(context.waker().clone());
        }
        step
    }

    fn receive(&mut self, kind: MessageKind, payload: Payload) -> Option<End> {
        let state = &self.context.state;
        self.context.telemetry.count(Counter::FramesIn);
        let message = match kind {
            MessageKind::Binary => Incoming::Binary(self.live.bytes(&payload)),
            MessageKind::Text => Incoming::Text,
        };
        let context = self.context.clone();
        if let Some(staff) = &mut self.staff
            && !staff.holds(&context)
        {
            self.staff = None;
            self.session.become_anyone();
        }
        let rules = Rules {
            policy: self.context.settings.borrow().state.write,
            writes: &self.context.house.writes,
        };
        let mut hub = state.hub().borrow_mut();
        let next = self.session.receive(
            self.id,
            message,
            &mut hub,
            rules,
            &self.context.telemetry,
            state.now(),
        );
        drop(hub);
        match next {
            Next::Read => None,
            Next::Submit {
                change,
                origin,
                writer,
            } => {
                state.submit(change, origin, Expected::Any, writer);
                None
            }
            Next::Hold => {
                self.notes.may_resume.set(false);
                self.held = Some((kind, payload));
                None
            }
            Next::Close { code, reason } => {
                self.context.telemetry.fault(Fault::ConfigFrame);
                Some(End::Close(code, reason))
            }
        }
    }
}
