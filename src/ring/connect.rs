//! Outgoing connections.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use io_uring::opcode;
use socket2::SockAddr;

use super::core::Core;
use super::socket::outgoing_socket;
use super::stream::TcpStream;
use super::token::{Key, Kind, pack};

/// A connect in flight: the address that the kernel reads, and its result.
pub(super) struct Connecting {
    address: SockAddr,
    /// What the kernel said; `None` while the connect is in flight.
    pub(super) result: Option<i32>,
}

/// Connects within a time; `TimedOut` where that passes.
pub(super) async fn connect(
    core: Rc<RefCell<Core>>,
    address: SocketAddr,
    patience: Duration,
) -> io::Result<TcpStream> {
    let stream = TcpStream::unconnected(core.clone(), outgoing_socket(address)?);
    core.borrow_mut()
        .start_connect(stream.key(), address, patience);
    poll_fn(|context| core.borrow_mut().poll_connected(stream.key(), context)).await?;
    stream.start_receiving();
    Ok(stream)
}

impl Core {
    fn start_connect(&mut self, key: Key, address: SocketAddr, patience: Duration) {
        self.set_deadline(key, Some(patience));
        let slot = &mut self.streams[key.index as usize];
        let mut connecting = Box::new(Connecting {
            address: address.into(),
            result: None,
        });
        if self.closing {
            connecting.result = Some(-libc::ECANCELED);
            slot.connecting = Some(connecting);
            return;
        }
        let pointer = connecting.address.as_ptr().cast();
        let entry = opcode::Connect::new(slot.target(), pointer, connecting.address.len()).build();
        slot.connecting = Some(connecting);
        slot.in_flight += 1;
        self.push(entry.user_data(pack(Kind::Connect, key)));
    }

    fn poll_connected(&mut self, key: Key, context: &Context<'_>) -> Poll<io::Result<()>> {
        let slot = &mut self.streams[key.index as usize];
        let result = slot
            .connecting
            .as_ref()
            .and_then(|connecting| connecting.result);
        match result {
            Some(0) => {
                slot.connecting = None;
                self.set_deadline(key, None);
                Poll::Ready(Ok(()))
            }
            Some(errno) => Poll::Ready(Err(io::Error::from_raw_os_error(-errno))),
            None if slot.deadline.passed => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            None => {
                slot.wait_to_write(context);
                Poll::Pending
            }
        }
    }

    /// Handles the completion of a connect.
    pub(super) fn connected(&mut self, key: Key, result: i32) {
        let slot = &mut self.streams[key.index as usize];
        slot.in_flight -= 1;
        if let Some(connecting) = &mut slot.connecting {
            connecting.result = Some(result);
        }
        slot.wake_writer();
        self.release_if_quiet(key);
    }
}
