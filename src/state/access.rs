//! Who may change the configuration.

use std::net::IpAddr;

use crate::settings::WritePolicy;

/// Proof that a caller may change the configuration; only [`Caller::writer`] makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writer(());

/// What is known of the one who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The other end of the connection.
    pub peer: IpAddr,
    /// Whether that is the caller or a proxy.
    pub arrival: Arrival,
    /// Whom the caller has proved to be.
    pub principal: Principal,
}

/// How a request came to the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The peer asks for itself.
    Direct,
    /// The peer passes on a request of someone elsewhere.
    Forwarded,
}

/// Whom a caller has proved to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Principal {
    /// Nobody in particular.
    Anyone,
    /// Someone with the session of an administrator.
    Staff,
}

impl Caller {
    /// The proof, if the policy lets this caller write.
    pub fn writer(&self, policy: WritePolicy) -> Option<Writer> {
        let may_write = match (policy, self.principal) {
            (WritePolicy::Open, Principal::Anyone) | (_, Principal::Staff) => true,
            (WritePolicy::Loopback, Principal::Anyone) => self.is_on_this_machine(),
            (WritePolicy::Token, Principal::Anyone) => false,
        };
        may_write.then_some(Writer(()))
    }

    /// A reverse proxy on the same machine makes the whole world come from loopback, so a
    /// forwarded request never counts as local.
    pub fn is_on_this_machine(&self) -> bool {
        self.arrival == Arrival::Direct && self.peer.to_canonical().is_loopback()
    }
}

impl Arrival {
    /// Tells by the names of a request's headers. The caller can add such a header, which loses
    /// the right to write, and cannot take away one that a proxy has added.
    pub fn of_headers<'n>(names: impl IntoIterator<Item = &'n [u8]>) -> Arrival {
        let tells = |name: &[u8]| {
            FORWARDING
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known))
        };
        if names.into_iter().any(tells) {
            Arrival::Forwarded
        } else {
            Arrival::Direct
        }
    }
}

/// What proxies add: RFC 7239, RFC 9110 7.6.3, and the usual names from before them.
const FORWARDING: [&[u8]; 6] = [
    b"forwarded",
    b"via",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-real-ip",
];

#[cfg(test)]
pub(super) mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// For tests of what comes after the decision.
    pub(in super::super) const WRITER: Writer = Writer(());

    /// A client on this machine.
    pub(in super::super) const NEIGHBOUR: Caller = Caller {
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        arrival: Arrival::Direct,
        principal: Principal::Anyone,
    };

    /// One that comes through a proxy.
    pub(in super::super) const STRANGER: Caller = Caller {
        arrival: Arrival::Forwarded,
        ..NEIGHBOUR
    };

    fn may_write(policy: WritePolicy, peer: &str, arrival: Arrival) -> bool {
        let caller = Caller {
            peer: peer.parse().unwrap(),
            arrival,
            principal: Principal::Anyone,
        };
        caller.writer(policy).is_some()
    }

    #[test]
    fn loopback_is_this_machine_however_it_is_written() {
        let table = [
            ("127.0.0.1", true),
            ("127.255.255.254", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("126.255.255.255", false),
            ("128.0.0.1", false),
            ("192.0.2.1", false),
            ("10.0.0.1", false),
            ("0.0.0.0", false),
            ("::", false),
            ("::2", false),
            ("::127.0.0.1", false),
            ("::ffff:192.0.2.1", false),
            ("2001:db8::1", false),
            ("fe80::1", false),
        ];
        for (peer, expected) in table {
            assert_eq!(
                may_write(WritePolicy::Loopback, peer, Arrival::Direct),
                expected,
                "{peer}"
            );
            assert!(
                !may_write(WritePolicy::Loopback, peer, Arrival::Forwarded),
                "{peer}"
            );
            assert!(
                !may_write(WritePolicy::Token, peer, Arrival::Direct),
                "{peer}"
            );
            assert!(
                may_write(WritePolicy::Open, peer, Arrival::Forwarded),
                "{peer}"
            );
        }
    }

    #[test]
    fn staff_may_write_from_anywhere_under_every_policy() {
        let staff = Caller {
            peer: "192.0.2.1".parse().unwrap(),
            arrival: Arrival::Forwarded,
            principal: Principal::Staff,
        };
        for policy in [WritePolicy::Open, WritePolicy::Loopback, WritePolicy::Token] {
            assert!(staff.writer(policy).is_some(), "{policy:?}");
        }
    }

    #[test]
    fn proxies_are_known_by_their_headers() {
        let of = |names: &[&str]| Arrival::of_headers(names.iter().map(|name| name.as_bytes()));
        assert_eq!(of(&["Host", "User-Agent", "Forwarded-By"]), Arrival::Direct);
        for name in [
            "Forwarded",
            "VIA",
            "x-forwarded-for",
            "X-Real-IP",
            "X-Forwarded-Proto",
        ] {
            assert_eq!(of(&["Host", name]), Arrival::Forwarded, "{name}");
        }
    }
}
