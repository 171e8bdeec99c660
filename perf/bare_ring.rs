//! The floor of every comparison: a bare io_uring responder with fixed bytes, on one thread.
//!
//! `bare_ring [ADDRESS [BODY_BYTES]]`, port 0 for a free one; it runs until it is killed.
//!
//! It does what no HTTP server on io_uring can leave out, and nothing else: multishot accept,
//! multishot receive from provided buffers, httparse to find the end of each head, one send per
//! connection in flight, pipelined replies in one send. There are no routes, no bodies of
//! requests, no deadlines, no bounds and no shutdown: what a real server spends beyond this one
//! is the price of those.
#![allow(
    unsafe_code,
    reason = "io_uring is told of memory by address; each block says why that memory lives on"
)]

use std::alloc::Layout;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::{IoUring, cqueue, opcode, squeue, types};
use slab::Slab;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let body_bytes = match arguments.next().map(|text| text.parse()) {
        None => BODY_BYTES,
        Some(Ok(bytes)) => bytes,
        Some(Err(error)) => return Err(io::Error::other(format!("BODY_BYTES: {error}"))),
    };
    let listener = TcpListener::bind(address)?;
    // Accepted sockets inherit this, which saves a call for each.
    rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
    rustix::net::listen(&listener, BACKLOG)?;
    println!("bare_ring http://{}\nready", listener.local_addr()?);
    Responder::new(listener, reply(body_bytes))?.run()
}

fn reply(body_bytes: usize) -> Vec<u8> {
    let mut reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {body_bytes}\r\nContent-Type: text/plain\r\n\r\n"
    )
    .into_bytes();
    reply.resize(reply.len() + body_bytes, b'x');
    reply
}

struct Responder {
    ring: IoUring,
    buffers: Buffers,
    listener: TcpListener,
    connections: Slab<Connection>,
    reply: Vec<u8>,
}

struct Connection {
    socket: OwnedFd,
    /// The start of a request whose end has not arrived.
    partial: Vec<u8>,
    /// Replies that wait for the send in flight.
    queued: Vec<u8>,
    /// What the kernel reads while `is_sending`: it neither moves nor changes until then.
    sending: Vec<u8>,
    sent_bytes: usize,
    is_sending: bool,
    is_receiving: bool,
}

/// What a completion is of; with the connection's index it is the operation's user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Accept,
    Receive,
    Send,
}

impl Responder {
    fn new(listener: TcpListener, reply: Vec<u8>) -> io::Result<Responder> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_cqsize(COMPLETIONS)
            .build(SUBMISSIONS)?;
        let buffers = Buffers::register(&ring)?;
        Ok(Responder {
            ring,
            buffers,
            listener,
            connections: Slab::new(),
            reply,
        })
    }

    fn run(&mut self) -> io::Result<()> {
        self.accept();
        let mut completions = Vec::with_capacity(COMPLETIONS as usize);
        loop {
            self.ring.submit_and_wait(1)?;
            completions.extend(self.ring.completion());
            for completion in completions.drain(..) {
                self.complete(&completion)?;
            }
        }
    }

    fn complete(&mut self, completion: &cqueue::Entry) -> io::Result<()> {
        let (operation, index) = Operation::of(completion.user_data());
        let result = match completion.result() {
            bytes @ 0.. => Ok(bytes.unsigned_abs() as usize),
            error => Err(-error),
        };
        let has_more = cqueue::more(completion.flags());
        match operation {
            Operation::Accept => {
                if let Ok(descriptor) = result {
                    self.open(descriptor)?;
                }
                if !has_more {
                    self.accept();
                }
            }
            Operation::Receive => {
                if let (Ok(1..), Some(buffer)) = (result, cqueue::buffer_select(completion.flags()))
                {
                    self.answer(index, buffer, result.unwrap_or(0));
                }
                if !has_more {
                    // No buffer free is no end: the data waits in the socket.
                    let goes_on = matches!(result, Ok(1..) | Err(libc::ENOBUFS));
                    self.connections[index].is_receiving = false;
                    if goes_on {
                        self.receive(index)
                    } else {
                        self.close_if_idle(index)
                    }
                }
            }
            Operation::Send => {
                let connection = &mut self.connections[index];
                connection.is_sending = false;
                connection.sent_bytes += result.unwrap_or(0);
                match result {
                    Ok(_) if connection.sent_bytes < connection.sending.len() => self.send(index),
                    Ok(_) => self.send_queued(index),
                    // The receive of a broken connection ends as well, and closes it.
                    Err(_) => self.close_if_idle(index),
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, descriptor: usize) -> io::Result<()> {
        let descriptor = i32::try_from(descriptor).map_err(io::Error::other)?;
        // SAFETY: the kernel has just given us this descriptor, and nobody else knows of it.
        let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
        let index = self.connections.insert(Connection {
            socket,
            partial: Vec::new(),
            queued: Vec::with_capacity(OUTPUT_BYTES),
            sending: Vec::with_capacity(OUTPUT_BYTES),
            sent_bytes: 0,
            is_sending: false,
            is_receiving: false,
        });
        self.receive(index);
        Ok(())
    }

    /// Queues a reply for every request that is whole, and hands the buffer back.
    fn answer(&mut self, index: usize, buffer: u16, bytes: usize) {
        let connection = &mut self.connections[index];
        let received = self.buffers.filled(buffer, bytes);
        let (requests, rest) = if connection.partial.is_empty() {
            count_requests(received)
        } else {
            connection.partial.extend_from_slice(received);
            count_requests(&connection.partial)
        };
        if connection.partial.is_empty() {
            connection.partial.extend_from_slice(&received[rest..]);
        } else {
            connection.partial.drain(..rest);
        }
        for _ in 0..requests {
            connection.queued.extend_from_slice(&self.reply);
        }
        self.buffers.give_back(buffer);
        if !self.connections[index].is_sending {
            self.send_queued(index);
        }
    }

    fn send_queued(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        connection.sending.clear();
        connection.sent_bytes = 0;
        std::mem::swap(&mut connection.sending, &mut connection.queued);
        if connection.sending.is_empty() {
            self.close_if_idle(index);
        } else {
            self.send(index);
        }
    }

    fn send(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        connection.is_sending = true;
        let unsent = &connection.sending[connection.sent_bytes..];
        let bytes = u32::try_from(unsent.len()).unwrap_or(u32::MAX);
        let socket = types::Fd(connection.socket.as_raw_fd());
        let entry = opcode::Send::new(socket, unsent.as_ptr(), bytes).build();
        self.push(entry.user_data(Operation::Send.user_data(index)));
    }

    fn receive(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        connection.is_receiving = true;
        let socket = types::Fd(connection.socket.as_raw_fd());
        let entry = opcode::RecvMulti::new(socket, BUFFER_GROUP).build();
        self.push(entry.user_data(Operation::Receive.user_data(index)));
    }

    fn accept(&mut self) {
        let entry = opcode::AcceptMulti::new(types::Fd(self.listener.as_raw_fd())).build();
        self.push(entry.user_data(Operation::Accept.user_data(0)));
    }

    /// Only once no operation names the connection may its slot, socket and buffers go.
    fn close_if_idle(&mut self, index: usize) {
        let connection = &self.connections[index];
        if !connection.is_receiving && !connection.is_sending {
            self.connections.remove(index);
        }
    }

    fn push(&mut self, entry: squeue::Entry) {
        loop {
            // SAFETY: sockets and `sending` live in a slot that stays until the operations that
            // name it have completed (`close_if_idle`); a slab that grows moves a `Vec`, not the
            // bytes that it owns.
            let pushed = unsafe { self.ring.submission().push(&entry) };
            if pushed.is_ok() {
                return;
            }
            self.ring.submit().expect("a full queue can be submitted");
        }
    }
}

impl Operation {
    fn user_data(self, index: usize) -> u64 {
        (index as u64) << 2 | self as u64
    }

    fn of(user_data: u64) -> (Operation, usize) {
        let all = [Operation::Accept, Operation::Receive, Operation::Send];
        (all[(user_data & 0b11) as usize], (user_data >> 2) as usize)
    }
}

/// The buffers that the kernel receives into, and the ring by which it is given them.
struct Buffers {
    entries: NonNull<types::BufRingEntry>,
    memory: NonNull<u8>,
    tail: u16,
}

impl Buffers {
    fn register(ring: &IoUring) -> io::Result<Buffers> {
        let entries = pages(usize::from(BUFFERS) * size_of::<types::BufRingEntry>());
        let memory = pages(usize::from(BUFFERS) * BUFFER_BYTES);
        let address = entries.as_ptr() as u64;
        // SAFETY: page-aligned memory of the size that the kernel derives from the count; it is
        // never freed, so it outlives the ring.
        unsafe {
            ring.submitter()
                .register_buf_ring_with_flags(address, BUFFERS, BUFFER_GROUP, 0)
        }?;
        let mut buffers = Buffers {
            entries: entries.cast(),
            memory,
            tail: 0,
        };
        for buffer in 0..BUFFERS {
            buffers.give_back(buffer);
        }
        Ok(buffers)
    }

    /// What the kernel has written to a buffer that it has handed to us.
    fn filled(&self, buffer: u16, bytes: usize) -> &[u8] {
        assert!(buffer < BUFFERS && bytes <= BUFFER_BYTES);
        // SAFETY: within the memory, as just asserted.
        let start = unsafe { self.memory.add(usize::from(buffer) * BUFFER_BYTES) };
        // SAFETY: zeroed when allocated, and the kernel leaves it alone until `give_back`, which
        // takes `self` mutably and so ends this borrow.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), bytes) }
    }

    fn give_back(&mut self, buffer: u16) {
        assert!(buffer < BUFFERS);
        // SAFETY: the count is a power of two, so the mask keeps the place inside the ring.
        let mut place = unsafe { self.entries.add(usize::from(self.tail & (BUFFERS - 1))) };
        // SAFETY: the kernel reads only entries before the tail, and this one is at the tail.
        let entry = unsafe { place.as_mut() };
        // SAFETY: within the memory, as asserted.
        let start = unsafe { self.memory.add(usize::from(buffer) * BUFFER_BYTES) };
        entry.set_addr(start.as_ptr() as u64);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the base of a registered ring.
        let tail = unsafe { types::BufRingEntry::tail(self.entries.as_ptr()) };
        // SAFETY: two aligned bytes that we and the kernel access, both atomically.
        let tail = unsafe { AtomicU16::from_ptr(tail.cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}

/// Whole requests (none of which has a body) and how many bytes they are.
fn count_requests(bytes: &[u8]) -> (usize, usize) {
    let mut requests = 0;
    let mut position = 0;
    while position < bytes.len() {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        match httparse::Request::new(&mut headers).parse(&bytes[position..]) {
            Ok(httparse::Status::Complete(head_bytes)) => {
                requests += 1;
                position += head_bytes;
            }
            Ok(httparse::Status::Partial) => break,
            Err(error) => panic!("the load generator sent no HTTP: {error}"),
        }
    }
    (requests, position)
}

/// Zeroed pages that stay until the process ends.
fn pages(bytes: usize) -> NonNull<u8> {
    let layout = Layout::from_size_align(bytes, PAGE_BYTES).expect("a few megabytes");
    // SAFETY: the size is not zero.
    let start = unsafe { std::alloc::alloc_zeroed(layout) };
    NonNull::new(start).unwrap_or_else(|| std::alloc::handle_alloc_error(layout))
}

/// The size of Thirteen's `/health` reply.
const BODY_BYTES: usize = 220;

const BACKLOG: i32 = 4096;
const SUBMISSIONS: u32 = 2048;
const COMPLETIONS: u32 = 4 * SUBMISSIONS;

/// A power of two, twice as many as the most connections of a comparison.
const BUFFERS: u16 = 1024;
const BUFFER_BYTES: usize = 4096;
const BUFFER_GROUP: u16 = 0;
const PAGE_BYTES: usize = 4096;

/// Sixteen pipelined replies fit without growing.
const OUTPUT_BYTES: usize = 16 * 1024;
