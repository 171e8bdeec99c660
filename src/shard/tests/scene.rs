//! What the tests of the shards stand on: shards that live as long as the first one's test.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;

use super::super::{Flag, LaunchFault, Shard, ShardOptions, launch, spawn};
use crate::ring::{Outgoing, TcpStream, bind_shared};

/// Runs `test` on shard 0; the others serve the bus until it has ended. Fails where it panics.
pub(super) fn on_first_shard<F>(
    options: &ShardOptions,
    test: impl Fn(Rc<Shard>) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + 'static,
{
    try_on_first_shard(options, test).expect("the test on the shard passes");
}

/// As [`on_first_shard`], with what became of the shards.
pub(super) fn try_on_first_shard<F>(
    options: &ShardOptions,
    test: impl Fn(Rc<Shard>) -> F + Clone + Send + 'static,
) -> Result<(), LaunchFault>
where
    F: Future<Output = ()> + 'static,
{
    let main = move |shard: Rc<Shard>| {
        let test = test.clone();
        async move {
            if shard.index > 0 {
                return dismissal().raised().await;
            }
            let _dismissed = DismissOnDrop(shard.clone());
            test(shard.clone()).await;
        }
    };
    launch(options, main, |_| {})?.join()
}

/// Lets a shard other than the first one end.
pub(super) fn dismiss(shard: &Shard, index: usize) {
    shard.bus.post(index, || dismissal().raise());
}

struct DismissOnDrop(Rc<Shard>);

impl Drop for DismissOnDrop {
    fn drop(&mut self) {
        for index in 1..self.0.bus.count() {
            dismiss(&self.0, index);
        }
    }
}

fn dismissal() -> Rc<Flag> {
    DISMISSED.with(Rc::clone)
}

thread_local! {
    static DISMISSED: Rc<Flag> = Rc::default();
}

/// Answers every connection to a new port with what it says.
pub(super) fn serve_echo(shard: &Shard) -> SocketAddr {
    let any = "127.0.0.1:0".parse().unwrap();
    let (mut sockets, address) = bind_shared(any, 1).unwrap();
    let listener = shard.ring.listen(sockets.pop().unwrap());
    spawn(async move {
        while let Some(stream) = listener.accept().await {
            spawn(async move {
                // A client that goes ends its echo.
                let _gone = echo(&stream).await;
            });
        }
    });
    address
}

async fn echo(stream: &TcpStream) -> std::io::Result<()> {
    while let Some(received) = stream.receive().await? {
        let mut out = stream.spare_buffer();
        out.extend_from_slice(&received);
        drop(received);
        stream.enqueue(Outgoing::Owned(out)).await?;
    }
    Ok(())
}
