//! A server of one shard in the test's own process, for what the product has no route for.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use thirteen::http::{Router, Server, ServerOptions};
use thirteen::ring::{Listener, bind_shared};
use thirteen::shard::{self, Bus, Flag, Shard, ShardOptions, launch};
use thirteen::telemetry::Clock;
use thirteen::telemetry::trace_id::IdSource;

use crate::application::{Workbench, routes};

/// A running server; dropping it drains it and waits for its end.
pub(crate) struct InProcess {
    address: SocketAddr,
    bus: Bus,
    thread: Option<JoinHandle<()>>,
}

/// What jobs find on the shard's thread.
pub(crate) struct Here {
    pub(crate) workbench: Rc<Workbench>,
    pub(crate) server: Rc<Server<Workbench>>,
    listener: Rc<Listener>,
    ending: Flag,
}

impl InProcess {
    /// A server that is more patient than any test.
    pub(crate) fn start() -> InProcess {
        InProcess::start_with(PATIENT)
    }

    pub(crate) fn start_with(options: ServerOptions) -> InProcess {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let (mut sockets, address) = bind_shared(loopback, 1).unwrap();
        let boot = Arc::new(Boot {
            socket: Mutex::new(sockets.pop()),
            options,
            clock: Clock::calibrate(),
        });
        let (told, bus) = channel();
        let thread = std::thread::spawn(move || run(&boot, &told));
        let bus = bus.recv().expect("the shard starts");
        InProcess {
            address,
            bus,
            thread: Some(thread),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs a job on the shard and waits for what it gives.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Rc<Here>) -> T + Send + 'static,
    ) -> T {
        let (answer, answered) = channel();
        self.bus.post(0, move || {
            let sent = answer.send(job(&here()));
            sent.expect("the asker waits");
        });
        answered.recv().expect("a job answers")
    }

    /// Tells the server to finish, as SIGTERM does.
    pub(crate) fn drain(&self) {
        self.ask(|here| {
            here.listener.finish();
            here.server.drain();
        });
    }

    /// Waits until the server has so many connections.
    pub(crate) fn await_connections(&self, count: usize) {
        crate::wire::eventually(&format!("{count} connections"), || {
            self.ask(|here| here.server.connections()) == count
        });
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.bus.post(0, || {
            let here = here();
            here.listener.finish();
            here.server.drain();
            here.ending.raise();
        });
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the shard ends in peace");
        }
    }
}

/// A server that tests share which do not change it.
pub(crate) fn shared() -> &'static InProcess {
    static SHARED: LazyLock<InProcess> = LazyLock::new(InProcess::start);
    &SHARED
}

/// Deadlines that no test comes to.
pub(crate) const PATIENT: ServerOptions = ServerOptions {
    head_timeout: Duration::from_secs(60),
    body_timeout: Duration::from_secs(60),
    idle_timeout: Duration::from_secs(60),
    write_timeout: Duration::from_secs(60),
    connections_max: 4096,
};

struct Boot {
    socket: Mutex<Option<OwnedFd>>,
    options: ServerOptions,
    clock: Clock,
}

fn run(boot: &Arc<Boot>, told: &Sender<Bus>) {
    let options = ShardOptions {
        buffers: 512,
        ..ShardOptions::new(1)
    };
    let (ready, is_ready) = channel();
    let boot = boot.clone();
    let main = move |shard| serve(shard, boot.clone(), ready.clone());
    let shards = launch(&options, main, |error| panic!("{error}")).unwrap();
    is_ready.recv().expect("the shard serves");
    told.send(shards.bus().clone()).expect("the test waits");
    shards.join().unwrap();
}

async fn serve(shard: Rc<Shard>, boot: Arc<Boot>, ready: Sender<()>) {
    let socket = boot.socket.lock().unwrap().take().expect("one shard");
    let workbench = Rc::new(Workbench::default());
    let here = Rc::new(Here {
        server: Server::new(
            workbench.clone(),
            vec![Router::new(routes())],
            boot.options,
            boot.clock,
            IdSource::from_seed([13; 32]),
        ),
        workbench,
        listener: Rc::new(shard.ring.listen(socket)),
        ending: Flag::default(),
    });
    HERE.with(|place| assert!(place.set(here.clone()).is_ok(), "a thread serves once"));
    shard::spawn(here.server.clone().serve(0, here.listener.clone()));
    ready.send(()).expect("the starter waits");
    here.ending.raised().await;
    while here.server.connections() > 0 {
        shard::sleep(Duration::from_millis(10)).await;
    }
}

fn here() -> Rc<Here> {
    HERE.with(|here| here.get().cloned())
        .expect("jobs run on the shard")
}

thread_local! {
    static HERE: OnceCell<Rc<Here>> = const { OnceCell::new() };
}
