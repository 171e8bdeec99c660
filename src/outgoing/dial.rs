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
    use super::super::guard::Special;
    use super::*;

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
