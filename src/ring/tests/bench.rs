//! What the tests of the ring stand on: an executor, connected pairs, and children of their own.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream as Peer};
use std::pin::{Pin, pin};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crossbeam_queue::SegQueue;
use slab::Slab;
use socket2::SockRef;

use crate::ring::wake::Inbox;
use crate::ring::{Listener, Received, Ring, RingOptions, TcpStream, Turn, bind_shared};

/// A ring, tasks, and a loop that runs both on this thread.
pub(super) struct Bench {
    pub(super) ring: Ring,
    pub(super) inbox: Arc<Inbox>,
    /// `None` while a task is polled.
    tasks: RefCell<Slab<Option<Work>>>,
    ready: Arc<SegQueue<usize>>,
    waits: Cell<u64>,
}

impl Bench {
    pub(super) fn new(buffers: u16) -> Bench {
        Bench::with(&RingOptions {
            entries: 256,
            buffers,
            completions_per_turn_max: 128,
        })
    }

    pub(super) fn with(options: &RingOptions) -> Bench {
        let inbox = Inbox::new().unwrap();
        Bench {
            ring: Ring::new(options, inbox.clone()).unwrap(),
            inbox,
            tasks: RefCell::default(),
            ready: Arc::default(),
            waits: Cell::new(0),
        }
    }

    /// Starts a task; it runs while [`Bench::run`] does.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let place = self.tasks.borrow_mut().insert(Some(Box::pin(task)));
        self.ready.push(place);
    }

    /// Turns the ring and runs the tasks until `main` is done; fails where that takes too long.
    pub(super) fn run<T>(&self, main: impl Future<Output = T>) -> T {
        let mut main = pin!(main);
        let alarm = Arc::new(Alarm::main());
        let waker = Waker::from(alarm.clone());
        let began = Instant::now();
        loop {
            if alarm.rings.swap(false, Ordering::SeqCst)
                && let Poll::Ready(value) = main.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return value;
            }
            self.run_tasks();
            while let Some(job) = self.inbox.take() {
                job();
            }
            let idle = self.ring.turn().unwrap() == Turn::Idle;
            let at_rest = self.ready.is_empty() && !alarm.rings.load(Ordering::SeqCst);
            if idle && at_rest {
                self.waits.set(self.waits.get() + 1);
                self.ring.wait(Duration::from_secs(1)).unwrap();
            }
            let holdings = self.ring.holdings();
            assert!(began.elapsed() < PATIENCE, "stuck with {holdings:?}");
        }
    }

    fn run_tasks(&self) {
        for _ in 0..self.ready.len() {
            let Some(place) = self.ready.pop() else {
                return;
            };
            let Some(mut task) = self
                .tasks
                .borrow_mut()
                .get_mut(place)
                .and_then(Option::take)
            else {
                continue;
            };
            let waker = Waker::from(Arc::new(Alarm {
                place,
                ready: Some(self.ready.clone()),
                rings: AtomicBool::new(false),
            }));
            match task.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(()) => drop(self.tasks.borrow_mut().remove(place)),
                Poll::Pending => self.tasks.borrow_mut()[place] = Some(task),
            }
        }
    }

    /// Drops every task that has not ended.
    pub(super) fn drop_tasks(&self) {
        let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        drop(tasks);
        while self.ready.pop().is_some() {}
    }

    /// Lets the ring turn for a while.
    pub(super) fn pass(&self, span: Duration) {
        self.run(self.ring.sleep(span));
    }

    /// Turns the ring until something holds; fails where that takes too long.
    pub(super) fn until(&self, holds: impl Fn() -> bool) {
        self.run(std::future::poll_fn(|context| {
            if holds() {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }));
    }

    /// How often the loop found nothing to do.
    pub(super) fn waits(&self) -> u64 {
        self.waits.get()
    }

    /// A listener on a port of its own.
    pub(super) fn listen(&self) -> (Listener, SocketAddr) {
        let (mut sockets, address) = bind_shared("127.0.0.1:0".parse().unwrap(), 1).unwrap();
        (self.ring.listen(sockets.pop().unwrap()), address)
    }

    /// Connections with both of their ends.
    pub(super) fn pairs(&self, count: usize) -> Vec<(TcpStream, Peer)> {
        let (listener, address) = self.listen();
        let mut pairs = Vec::with_capacity(count);
        while pairs.len() < count {
            let batch = (count - pairs.len()).min(512);
            let peers: Vec<_> = (0..batch).map(|_| connect(address)).collect();
            for peer in peers {
                let stream = self.run(listener.accept()).unwrap();
                pairs.push((stream, peer));
            }
        }
        pairs
    }

    pub(super) fn pair(&self) -> (TcpStream, Peer) {
        self.pairs(1).pop().unwrap()
    }

    /// Waits until nothing is in flight but the poll of the bell, and checks that all is given
    /// back: slots, buffers, timers.
    pub(super) fn assert_nothing_is_held(&self) {
        self.until(|| {
            let holdings = self.ring.holdings();
            holdings.streams == 0 && holdings.operations == 1
        });
        let holdings = self.ring.holdings();
        assert_eq!(holdings.buffers_listed, holdings.buffers, "{holdings:?}");
        assert_eq!(holdings.timers, 0, "{holdings:?}");
        assert_eq!(self.ring.counters().late, 0);
    }
}

type Work = Pin<Box<dyn Future<Output = ()>>>;

struct Alarm {
    place: usize,
    ready: Option<Arc<SegQueue<usize>>>,
    rings: AtomicBool,
}

impl Alarm {
    fn main() -> Alarm {
        Alarm {
            place: 0,
            ready: None,
            rings: AtomicBool::new(true),
        }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        if !self.rings.swap(true, Ordering::SeqCst)
            && let Some(ready) = &self.ready
        {
            ready.push(self.place);
        }
    }
}

/// Connects and asks for an answer in time of whoever reads from it.
pub(super) fn connect(address: SocketAddr) -> Peer {
    let peer = Peer::connect(address).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.set_write_timeout(Some(PATIENCE)).unwrap();
    peer.set_nodelay(true).unwrap();
    peer
}

/// Closes a connection with a reset instead of an end.
pub(super) fn reset(peer: Peer) {
    SockRef::from(&peer)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(peer);
}

/// Everything up to the peer's end.
pub(super) async fn read_to_end(stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(received) = stream.receive().await? {
        bytes.extend_from_slice(&received);
    }
    Ok(bytes)
}

/// At least `count` bytes, or what there is before the peer's end.
pub(super) async fn read_exactly(stream: &TcpStream, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        match stream.receive().await? {
            Some(received) => bytes.extend_from_slice(&received),
            None => break,
        }
    }
    Ok(bytes)
}

/// The next bytes, which must come.
pub(super) async fn read_some(stream: &TcpStream) -> Received {
    stream.receive().await.unwrap().expect("the peer is there")
}

/// Bytes that tell their place and their sender: a lost, doubled or misplaced one shows.
pub(super) fn pattern(seed: usize, length: usize) -> Vec<u8> {
    let mut state = seed as u64 ^ 0x9E37_79B9_7F4A_7C15;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as u8
        })
        .collect()
}

/// Writes all of it from a thread of its own, then ends this half.
pub(super) fn write_from_thread(mut peer: Peer, bytes: Vec<u8>) -> std::thread::JoinHandle<Peer> {
    std::thread::spawn(move || {
        peer.write_all(&bytes).unwrap();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        peer
    })
}

/// Runs a test in a process of its own, for what belongs to a whole process: its descriptors and
/// its limits. `name` is the full name of the test that calls.
pub(crate) fn in_a_process_of_its_own(name: &str, test: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        return test();
    }
    let outcome = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let (said, complained) = (
        String::from_utf8_lossy(&outcome.stdout),
        String::from_utf8_lossy(&outcome.stderr),
    );
    assert!(outcome.status.success(), "{said}\n{complained}");
    assert!(
        said.contains("1 passed"),
        "no test is called {name}: {said}"
    );
    print!("{}", said.replace("\nrunning 1 test\n", ""));
}

/// Blocks the thread, where that time passes is what the test is about.
pub(crate) fn block_for(span: Duration) {
    let ends = Instant::now() + span;
    while let Some(left) = ends.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

/// Descriptors that this process has open.
pub(crate) fn open_descriptors() -> usize {
    // The folder that is read is one of them.
    std::fs::read_dir("/proc/self/fd").unwrap().count() - 1
}

/// Longer than any one wait of a test takes.
const PATIENCE: Duration = Duration::from_secs(60);
const ALONE: &str = "THIRTEEN_TEST_ALONE";
