//! Sockets as we want them: close-on-exec, shared ports, a real backlog, no delay.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Binds `count` listening sockets to one address, one for each shard; the kernel spreads
/// connections over them. Port 0 is chosen once, and the address that results is returned.
pub fn bind_shared(address: SocketAddr, count: usize) -> io::Result<(Vec<OwnedFd>, SocketAddr)> {
    let mut bound = address;
    let mut sockets = Vec::with_capacity(count);
    for _ in 0..count {
        let socket = listening_socket(bound)?;
        bound = local_address(&socket)?;
        sockets.push(socket.into());
    }
    Ok((sockets, bound))
}

/// The address of the peer of a connected socket.
pub fn peer_address(socket: &impl AsFd) -> io::Result<SocketAddr> {
    let address = SockRef::from(socket).peer_addr()?;
    address
        .as_socket()
        .ok_or_else(|| io::Error::other("the peer has no internet address"))
}

pub(super) fn outgoing_socket(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// Ends our half of a connection: what was sent still arrives, then the peer reads an end.
pub(super) fn shutdown_sending(socket: &impl AsFd) -> io::Result<()> {
    SockRef::from(socket).shutdown(std::net::Shutdown::Write)
}

fn listening_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Accepted sockets inherit it, which saves a system call for each.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

fn local_address(socket: &Socket) -> io::Result<SocketAddr> {
    let address = socket.local_addr()?;
    address
        .as_socket()
        .ok_or_else(|| io::Error::other("the socket has no internet address"))
}

/// Connections that the kernel completes for us before it drops new ones.
const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_share_one_chosen_port() {
        let (sockets, address) = bind_shared("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        assert_eq!(sockets.len(), 3);
        assert_ne!(address.port(), 0);
        for socket in &sockets {
            let bound = SockRef::from(socket)
                .local_addr()
                .unwrap()
                .as_socket()
                .unwrap();
            assert_eq!(bound, address);
            assert!(SockRef::from(socket).tcp_nodelay().unwrap());
        }
    }
}
