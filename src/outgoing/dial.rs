//! From a host's name to a connection: its addresses, those that may be dialled, the first that
//! answers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use futures_lite::FutureExt;

use crate::limits::OUTGOING_ADDRESSES_MAX;
use crate::ring::TcpStream;
use crate::settings::Reach;
use crate::shard;

use super::dns::View;
use super::fault::{Awaited, NameFault, OutgoingFault};
use super::guard::special;
use super::request::{Scheme, Target};
use super::wire::Stream;

/// Connects to a host, which has so much time in all.
pub(super) async fn dial(
    names: &View,
    host: &str,
    port: u16,
    reach: Reach,
    patience: Duration,
) -> Result<TcpStream, OutgoingFault> {
    let gives_up = Instant::now() + patience;
    let found = within(patience, Awaited::Connection, names.resolve(host)).await?;
    let addresses = permitted(&found.map_err(OutgoingFault::Name)?, reach)?;
    let mut fault = OutgoingFault::Name(NameFault::NotFound);
    let count = addresses.len().min(OUTGOING_ADDRESSES_MAX);
    for (position, address) in addresses.into_iter().take(count).enumerate() {
        let left = gives_up.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(OutgoingFault::Timeout(Awaited::Connection));
        }
        // Half of what is left for each, so that one that is silent leaves the next its time.
        let share = if position + 1 == count {
            left
        } else {
            left / 2
        };
        let address = SocketAddr::new(address, port);
        match shard::current().ring.connect(address, share).await {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                fault = OutgoingFault::Timeout(Awaited::Connection);
            }
            Err(error) => fault = OutgoingFault::Connect(error.kind()),
        }
    }
    Err(fault)
}

/// Connects to a target, and speaks TLS where it does.
pub(super) async fn open(names: &View, target: &Target) -> Result<Stream, OutgoingFault> {
    let gives_up = Instant::now() + target.timeout;
    let (host, port) = (&*target.host, target.port);
    let stream = dial(names, host, port, target.reach, target.timeout).await?;
    match target.scheme {
        Scheme::Http => Ok(Stream::Plain(stream)),
        Scheme::Https => {
            let left = gives_up.saturating_duration_since(Instant::now());
            let handshake = target.tls.connect(host, stream);
            let stream = within(left, Awaited::Connection, handshake).await?;
            let stream = stream.map_err(|error| OutgoingFault::Tls(error.to_string()))?;
            Ok(Stream::Tls(Box::new(stream)))
        }
    }
}

/// The addresses that may be dialled; why not, where none may.
fn permitted(addresses: &[IpAddr], reach: Reach) -> Result<Vec<IpAddr>, OutgoingFault> {
    if reach == Reach::Private {
        return Ok(addresses.to_vec());
    }
    let mut refused = None;
    let mut permitted = addresses.to_vec();
    permitted.retain(|address| match special(*address) {
        None => true,
        Some(special) => {
            refused = Some(special);
            false
        }
    });
    match (permitted.is_empty(), refused) {
        (true, Some(special)) => Err(OutgoingFault::Refused(special)),
        (true, None) => Err(OutgoingFault::Name(NameFault::NotFound)),
        (false, _) => Ok(permitted),
    }
}

/// What `work` gives, if that comes in time.
pub(super) async fn within<T>(
    patience: Duration,
    awaited: Awaited,
    work: impl Future<Output = T>,
) -> Result<T, OutgoingFault> {
    let late = async {
        shard::sleep(patience).await;
        Err(OutgoingFault::Timeout(awaited))
    };
    async { Ok(work.await) }.or(late).await
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::dns::Names;
    use super::super::guard::Special;
    use super::*;
    use crate::shard::{ShardOptions, launch};

    /// What became of dialling a name that every look-up finds elsewhere, in turn, and how many
    /// look-ups there were.
    fn dialled(
        answers: &'static [&'static [&'static str]],
        port: u16,
        reach: Reach,
        patience: Duration,
    ) -> (Result<(), OutgoingFault>, usize) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let names = Names::with(move |_| {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            let answer = answers[number % answers.len()];
            Some(answer.iter().map(|text| text.parse().unwrap()).collect())
        });
        let (tell, told) = std::sync::mpsc::channel();
        let main = move |_| {
            let (view, tell) = (View::new(names.clone()), tell.clone());
            async move {
                let outcome = dial(&view, "rebound.example", port, reach, patience).await;
                tell.send(outcome.map(drop)).unwrap();
            }
        };
        let shards = launch(&ShardOptions::new(1), main, |_| {}).unwrap();
        shards.join().expect("the test on the shard passes");
        (told.recv().unwrap(), asked.load(Ordering::SeqCst))
    }

    /// A listener that tells whether somebody came.
    fn listener(address: &str, port: u16) -> TcpListener {
        let listener = TcpListener::bind((address, port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    }

    #[test]
    fn a_name_is_dialled_where_it_led_when_it_was_judged() {
        let first = listener("127.0.0.1", 0);
        let port = first.local_addr().unwrap().port();
        let second = listener("127.0.0.2", port);
        let patience = Duration::from_secs(20);
        let answers: &[&[&str]] = &[&["127.0.0.1"], &["127.0.0.2"]];
        assert_eq!(
            dialled(answers, port, Reach::Private, patience),
            (Ok(()), 1)
        );
        assert!(first.accept().is_ok() && second.accept().is_err());
    }

    #[test]
    fn a_name_that_turns_private_once_it_was_judged_leads_nowhere() {
        let private = listener("127.0.0.1", 0);
        let port = private.local_addr().unwrap().port();
        let patience = Duration::from_millis(300);
        // One of the public internet that was given back: nobody is there.
        let turning: &[&[&str]] = &[&["3ffe::1"], &["127.0.0.1"]];
        let mixed: &[&[&str]] = &[&["127.0.0.1", "3ffe::1"]];
        for answers in [turning, mixed] {
            let (outcome, asked) = dialled(answers, port, Reach::Public, patience);
            let is_dialled =
                |fault| matches!(fault, OutgoingFault::Connect(_) | OutgoingFault::Timeout(_));
            assert!(outcome.is_err_and(is_dialled), "{answers:?}");
            assert_eq!(asked, 1, "{answers:?}");
        }
        let (outcome, _) = dialled(&[&["127.0.0.1"]], port, Reach::Public, patience);
        assert_eq!(outcome, Err(OutgoingFault::Refused(Special::Loopback)));
        assert!(private.accept().is_err(), "nobody came");
    }

    #[test]
    fn only_public_addresses_are_dialled_unless_private_ones_may_be() {
        let addresses = |texts: &[&str]| -> Vec<IpAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let mixed = addresses(&["10.0.0.1", "1.1.1.1", "::1", "2606:4700::1"]);
        let public = addresses(&["1.1.1.1", "2606:4700::1"]);
        assert_eq!(permitted(&mixed, Reach::Public).unwrap(), public);
        assert_eq!(permitted(&mixed, Reach::Private).unwrap(), mixed);
        assert_eq!(
            permitted(&addresses(&["127.0.0.1"]), Reach::Public),
            Err(OutgoingFault::Refused(Special::Loopback))
        );
    }
}
