//! The client against servers that follow a script, on real sockets.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream as Peer};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::dns::Names;
use super::guard::Special;
use super::*;
use crate::settings::{Hosts, Reach};
use crate::shard::{ShardOptions, launch};
use crate::tls::TlsClient;

/// Runs a test on a shard of its own.
fn on_shard<F>(names: &Arc<Names>, test: impl Fn(Outgoing) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + 'static,
{
    let names = names.clone();
    let main = move |_| test(Outgoing::new(names.clone()));
    let shards = launch(&ShardOptions::new(1), main, |_| {}).unwrap();
    shards.join().expect("the test on the shard passes");
}

fn names() -> Arc<Names> {
    let local = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let fixed = ["here.example", "there.example"].map(|host| (host.to_owned(), local.clone()));
    Names::new(Hosts::from(fixed))
}

/// A server of which each connection runs the next script; the last goes on for all others.
struct Scripted {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

type Script = fn(&mut Peer);

fn serve(scripts: &'static [Script]) -> Scripted {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    std::thread::spawn(move || {
        for peer in listener.incoming() {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            let script = scripts[number.min(scripts.len() - 1)];
            let mut peer = peer.unwrap();
            peer.set_read_timeout(Some(PATIENCE)).unwrap();
            peer.set_nodelay(true).unwrap();
            std::thread::spawn(move || script(&mut peer));
        }
    });
    Scripted {
        address,
        connections,
    }
}

impl Scripted {
    fn target(&self) -> Target {
        Target {
            scheme: Scheme::Http,
            host: "here.example".to_owned(),
            port: self.address.port(),
            tls: tls().clone(),
            reach: Reach::Private,
            timeout: PATIENCE,
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads a head, and gives it back; `None` at the end of the connection.
fn read_head(peer: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match peer.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8(head).unwrap())
}

fn say(peer: &mut impl Write, text: &str) {
    // A client that gave up early has gone.
    let _gone_or_said = peer.write_all(text.as_bytes());
}

/// Answers every request alike.
fn answer_ok(peer: &mut Peer) {
    while let Some(head) = read_head(peer) {
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let length = path.len();
        say(
            peer,
            &format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}"),
        );
    }
}

fn reset(peer: &Peer) {
    SockRef::from(peer)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

async fn text_of(response: Response) -> String {
    String::from_utf8(
        response
            .body
            .collect(1 << 20, async |_| true)
            .await
            .unwrap(),
    )
    .unwrap()
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let server = serve(&[answer_ok]);
    let (target, connections) = (server.target(), server.connections.clone());
    on_shard(&names(), move |outgoing| {
        let (target, connections) = (target.clone(), connections.clone());
        async move {
            for path in ["/a", "/b", "/c"] {
                let response = outgoing.send(&target, &Request::get(path)).await.unwrap();
                assert_eq!((response.status, outgoing.under_way()), (200, 1));
                assert_eq!(text_of(response).await, path);
                assert_eq!((outgoing.kept(), outgoing.under_way()), (1, 0));
            }
            assert_eq!(connections.load(Ordering::SeqCst), 1);
            // It is kept from the last byte on, whether the end is asked for or not.
            let mut response = outgoing.send(&target, &Request::get("/d")).await.unwrap();
            assert_eq!(response.body.bytes(), Some(2));
            assert_eq!(&*response.body.next().await.unwrap().unwrap(), b"/d");
            drop(response);
            assert_eq!((outgoing.kept(), outgoing.under_way()), (1, 0));
            assert_eq!(connections.load(Ordering::SeqCst), 1);
            // Another reach is another connection, although the name is the same.
            let public = Target {
                reach: Reach::Public,
                ..target.clone()
            };
            let refused = outgoing.send(&public, &Request::get("/")).await;
            assert_eq!(
                refused.err().unwrap(),
                OutgoingFault::Refused(Special::Loopback)
            );
        }
    });
    assert_eq!(server.connections(), 1);
}

#[test]
fn heads_and_bodies_are_sent_as_they_are_given() {
    fn echo(peer: &mut Peer) {
        let head = read_head(peer).unwrap();
        let mut body = [0; 5];
        peer.read_exact(&mut body).unwrap();
        let told = format!("{head}{}", String::from_utf8_lossy(&body));
        say(
            peer,
            &format!(
                "HTTP/1.1 201 Created\r\nX-Seen: yes\r\nContent-Length: {}\r\n\r\n{told}",
                told.len()
            ),
        );
    }
    let target = serve(&[echo]).target();
    on_shard(&names(), move |outgoing| {
        let target = target.clone();
        async move {
            let request = Request::new(Method::PUT, "/x?y=z")
                .header(header::ACCEPT, HeaderValue::from_static("text/plain"))
                .body("hello");
            let response = outgoing.send(&target, &request).await.unwrap();
            assert_eq!(response.status, 201);
            assert_eq!(response.headers["x-seen"], "yes");
            let told = text_of(response).await.to_lowercase();
            let host = format!("host: here.example:{}\r\n", target.port);
            for part in [
                "put /x?y=z http/1.1\r\n",
                &host,
                "accept: text/plain\r\n",
                "content-length: 5\r\n",
                "\r\n\r\nhello",
            ] {
                assert!(told.contains(part), "{part:?} in {told}");
            }
        }
    });
}

#[test]
fn bodies_come_in_pieces_and_whole() {
    fn chunked(peer: &mut Peer) {
        read_head(peer).unwrap();
        say(
            peer,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        for _ in 0..100 {
            say(peer, "400\r\n");
            say(peer, &"x".repeat(1024));
            say(peer, "\r\n");
        }
        say(peer, "0\r\nX-Trailer: y\r\n\r\n");
        answer_ok(peer);
    }
    let server = serve(&[chunked]);
    let (target, connections) = (server.target(), server.connections.clone());
    on_shard(&names(), move |outgoing| {
        let (target, connections) = (target.clone(), connections.clone());
        async move {
            let mut response = outgoing.send(&target, &Request::get("/")).await.unwrap();
            let (mut bytes, mut pieces) = (0, 0);
            while let Some(piece) = response.body.next().await.unwrap() {
                assert!(piece.iter().all(|byte| *byte == b'x'));
                (bytes, pieces) = (bytes + piece.len(), pieces + 1);
            }
            assert!(bytes == 100 << 10 && pieces > 1, "{bytes} in {pieces}");
            let response = outgoing
                .send(&target, &Request::get("/next"))
                .await
                .unwrap();
            assert_eq!(text_of(response).await, "/next");
            assert_eq!(connections.load(Ordering::SeqCst), 1);
        }
    });
}

#[test]
fn a_body_asks_for_room_as_it_comes() {
    const BYTES: usize = 100 << 10;
    let script: &[Script] = &[|peer| {
        while read_head(peer).is_some() {
            let body = "x".repeat(BYTES);
            say(
                peer,
                &format!("HTTP/1.1 200 OK\r\nContent-Length: {BYTES}\r\n\r\n{body}"),
            );
        }
    }];
    let target = serve(script).target();
    on_shard(&names(), move |outgoing| {
        let target = target.clone();
        async move {
            for (room, is_enough) in [(BYTES / 2, false), (4 * BYTES, true)] {
                let (mut left, mut calls) = (room, 0);
                let take = async |bytes: usize| {
                    calls += 1;
                    let is_there = bytes <= left;
                    left -= if is_there { bytes } else { 0 };
                    is_there
                };
                let response = outgoing.send(&target, &Request::get("/")).await.unwrap();
                let outcome = response.body.collect(BYTES, take).await;
                match outcome {
                    Ok(body) => assert!(is_enough && body.len() == BYTES && left <= room - BYTES),
                    Err(fault) => assert!(!is_enough && fault == OutgoingFault::Busy),
                }
                assert!(calls > 1, "{calls}");
            }
        }
    });
}

/// Sends one request to a server with this script and gives back how that failed.
fn fault_of(script: &'static [Script], timeout: Duration) -> OutgoingFault {
    let target = Target {
        timeout,
        ..serve(script).target()
    };
    let (tell, told) = mpsc::channel();
    on_shard(&names(), move |outgoing| {
        let (target, tell) = (target.clone(), tell.clone());
        async move {
            let sent = outgoing.send(&target, &Request::get("/")).await;
            let outcome = match sent {
                Ok(response) => response
                    .body
                    .collect(1 << 20, async |_| true)
                    .await
                    .map(|_| ()),
                Err(fault) => Err(fault),
            };
            assert_eq!((outgoing.kept(), outgoing.under_way()), (0, 0));
            tell.send(outcome.unwrap_err()).unwrap();
        }
    });
    told.recv().unwrap()
}

#[test]
fn servers_that_fail_are_told_apart() {
    const SHORT: Duration = Duration::from_millis(150);
    let silent: &[Script] = &[|peer| while read_head(peer).is_some() {}];
    assert_eq!(
        fault_of(silent, SHORT),
        OutgoingFault::Timeout(Awaited::Head)
    );
    let stalls: &[Script] = &[|peer| {
        read_head(peer).unwrap();
        say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
        read_head(peer);
    }];
    assert_eq!(
        fault_of(stalls, SHORT),
        OutgoingFault::Timeout(Awaited::Body)
    );
    let truncates: &[Script] = &[|peer| {
        read_head(peer).unwrap();
        say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
    }];
    assert_eq!(fault_of(truncates, PATIENCE), OutgoingFault::Reset);
    let cuts_chunks: &[Script] = &[|peer| {
        read_head(peer).unwrap();
        say(
            peer,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        );
    }];
    assert_eq!(fault_of(cuts_chunks, PATIENCE), OutgoingFault::Reset);
    let closes: &[Script] = &[|peer| drop(read_head(peer))];
    assert_eq!(fault_of(closes, PATIENCE), OutgoingFault::Reset);
    let resets: &[Script] = &[|peer| {
        read_head(peer).unwrap();
        reset(peer);
    }];
    assert_eq!(fault_of(resets, PATIENCE), OutgoingFault::Reset);
    let cuts_the_head: &[Script] = &[|peer| {
        read_head(peer).unwrap();
        say(peer, "HTTP/1.1 200 OK\r\nContent-");
    }];
    assert_eq!(fault_of(cuts_the_head, PATIENCE), OutgoingFault::Reset);
    let no_http: &[Script] = &[|peer| {
        read_head(peer).unwrap();
        say(peer, "SSH-2.0-OpenSSH\r\n\r\n");
    }];
    let fault = fault_of(no_http, PATIENCE);
    assert!(matches!(fault, OutgoingFault::Protocol(_)), "{fault:?}");
    let huge: &[Script] = &[|peer| {
        read_head(peer).unwrap();
        let line = format!("X-Long: {}\r\n", "x".repeat(100 << 10));
        say(peer, &format!("HTTP/1.1 200 OK\r\n{line}\r\n"));
    }];
    assert_eq!(fault_of(huge, PATIENCE), OutgoingFault::TooLong);
    let many: &[Script] = &[|peer| {
        read_head(peer).unwrap();
        let lines = "X: y\r\n".repeat(1000);
        say(peer, &format!("HTTP/1.1 200 OK\r\n{lines}\r\n"));
    }];
    assert_eq!(fault_of(many, PATIENCE), OutgoingFault::TooLong);
    let endless: &[Script] = &[|peer| {
        read_head(peer).unwrap();
        say(peer, "HTTP/1.1 200 OK\r\n\r\n");
        while peer.write_all(&[b'x'; 4096]).is_ok() {}
    }];
    assert_eq!(fault_of(endless, PATIENCE), OutgoingFault::TooLong);
}

#[test]
fn who_does_not_listen_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let target = Target {
        port,
        ..serve(&[answer_ok]).target()
    };
    on_shard(&names(), move |outgoing| {
        let mut target = target.clone();
        async move {
            let refused = OutgoingFault::Connect(std::io::ErrorKind::ConnectionRefused);
            let sent = outgoing.send(&target, &Request::get("/")).await;
            assert_eq!(sent.err().unwrap(), refused);
            target.host = "a host".to_owned();
            let sent = outgoing.send(&target, &Request::get("/")).await;
            let fault = OutgoingFault::Name(NameFault::Malformed);
            assert_eq!(sent.err().unwrap(), fault);
        }
    });
}

#[test]
fn a_kept_connection_that_was_closed_is_replaced_once() {
    fn one_and_close(peer: &mut Peer) {
        read_head(peer).unwrap();
        say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
        // The next request is read and not answered.
        read_head(peer);
        reset(peer);
    }
    let server = serve(&[one_and_close, one_and_close, answer_ok]);
    let (target, connections) = (server.target(), server.connections.clone());
    on_shard(&names(), move |outgoing| {
        let (target, connections) = (target.clone(), connections.clone());
        async move {
            let first = outgoing.send(&target, &Request::get("/")).await.unwrap();
            assert_eq!(text_of(first).await, "1");
            let second = outgoing.send(&target, &Request::get("/")).await.unwrap();
            assert_eq!(text_of(second).await, "1");
            assert_eq!(connections.load(Ordering::SeqCst), 2);
            // What may have been done is not done again.
            let post = Request::new(Method::POST, "/").body("x");
            let sent = outgoing.send(&target, &post).await;
            assert_eq!(sent.err().unwrap(), OutgoingFault::Reset);
            assert_eq!(connections.load(Ordering::SeqCst), 2);
            let third = outgoing.send(&target, &Request::get("/3")).await.unwrap();
            assert_eq!(text_of(third).await, "/3");
        }
    });
}

#[test]
fn a_connection_that_answered_in_part_is_not_replaced() {
    fn one_and_a_half(peer: &mut Peer) {
        read_head(peer).unwrap();
        say(peer, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
        read_head(peer);
        say(peer, "HTTP/1.1 2");
    }
    let server = serve(&[one_and_a_half]);
    let target = server.target();
    on_shard(&names(), move |outgoing| {
        let target = target.clone();
        async move {
            let first = outgoing.send(&target, &Request::get("/")).await.unwrap();
            assert_eq!(text_of(first).await, "1");
            let sent = outgoing.send(&target, &Request::get("/")).await;
            assert_eq!(sent.err().unwrap(), OutgoingFault::Reset);
        }
    });
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_body_that_is_dropped_ends_its_connection() {
    fn endless(peer: &mut Peer) {
        read_head(peer).unwrap();
        say(peer, "HTTP/1.1 200 OK\r\n\r\n");
        while peer.write_all(&[b'x'; 4096]).is_ok() {}
        ENDED.store(1, Ordering::SeqCst);
    }
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    let target = serve(&[endless]).target();
    on_shard(&names(), move |outgoing| {
        let target = target.clone();
        async move {
            let mut response = outgoing.send(&target, &Request::get("/")).await.unwrap();
            assert!(response.body.next().await.unwrap().is_some());
            drop(response);
            assert_eq!((outgoing.kept(), outgoing.under_way()), (0, 0));
            let gives_up = Instant::now() + PATIENCE;
            while ENDED.load(Ordering::SeqCst) == 0 {
                assert!(Instant::now() < gives_up, "the server goes on sending");
                crate::shard::sleep(Duration::from_millis(10)).await;
            }
        }
    });
}

#[test]
fn redirects_are_followed_without_credentials() {
    fn hops(peer: &mut Peer) {
        while let Some(head) = read_head(peer) {
            let port = peer.local_addr().unwrap().port();
            let path = head.split(' ').nth(1).unwrap();
            let location = match path {
                "/relative" => "/final".to_owned(),
                "/loop" => "/loop".to_owned(),
                "/elsewhere" => format!("http://127.0.0.1:{port}/final"),
                _ => {
                    let length = head.len();
                    say(
                        peer,
                        &format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}"),
                    );
                    continue;
                }
            };
            say(
                peer,
                &format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"),
            );
        }
    }
    let target = serve(&[hops]).target();
    on_shard(&names(), move |outgoing| {
        let target = target.clone();
        async move {
            let secret = |path: &str| {
                let secret = HeaderValue::from_static("Bearer secret");
                Request::get(path).header(header::AUTHORIZATION, secret)
            };
            let response = outgoing
                .follow(&target, &target.tls, &secret("/relative"))
                .await
                .unwrap();
            let head = text_of(response).await;
            assert!(
                head.starts_with("GET /final ") && head.contains("Bearer secret"),
                "{head}"
            );
            let fault = outgoing
                .follow(&target, &target.tls, &secret("/loop"))
                .await
                .err()
                .unwrap();
            assert!(matches!(fault, OutgoingFault::Protocol(_)), "{fault}");
            // What may be dialled privately is this host alone.
            let fault = outgoing
                .follow(&target, &target.tls, &secret("/elsewhere"))
                .await
                .err();
            assert_eq!(fault.unwrap(), OutgoingFault::Refused(Special::Loopback));
            let plain = outgoing.send(&target, &secret("/relative")).await.unwrap();
            assert_eq!(plain.status, 302);
        }
    });
}

#[test]
fn a_private_authority_speaks_for_its_own_server_alone() {
    let (folder, port) = serve_tls();
    let target = Target {
        scheme: Scheme::Https,
        port,
        tls: TlsClient::only(&folder.join("ca.pem")).unwrap(),
        ..serve(&[answer_ok]).target()
    };
    let house = TlsClient::new(None).unwrap();
    let own = Url::parse(&format!("https://{}:{port}/a", target.host)).unwrap();
    let there = target.towards(&own, &house);
    assert_eq!(there.tls.identity(), target.tls.identity());
    assert_eq!(there.reach, Reach::Private);
    for other in [
        "https://cdn.example/a".to_owned(),
        format!("http://{}:{port}/a", target.host),
    ] {
        let there = target.towards(&Url::parse(&other).unwrap(), &house);
        assert_eq!(there.tls.identity(), house.identity(), "{other}");
        assert_eq!(there.reach, Reach::Public, "{other}");
    }
}

#[test]
fn tls_is_spoken_with_who_proves_the_name() {
    let (folder, port) = serve_tls();
    let target = Target {
        scheme: Scheme::Https,
        port,
        tls: TlsClient::new(Some(&folder.join("ca.pem"))).unwrap(),
        ..serve(&[answer_ok]).target()
    };
    let stranger = Target {
        tls: TlsClient::only(&folder.join("other.pem")).unwrap(),
        ..target.clone()
    };
    let misnamed = Target {
        host: "there.example".to_owned(),
        ..target.clone()
    };
    on_shard(&names(), move |outgoing| {
        let (target, strangers) = (target.clone(), [stranger.clone(), misnamed.clone()]);
        async move {
            for _ in 0..2 {
                let response = outgoing.send(&target, &Request::get("/x")).await.unwrap();
                assert_eq!(text_of(response).await, "under TLS");
            }
            assert_eq!(outgoing.kept(), 1);
            let down = outgoing
                .follow(&target, &target.tls, &Request::get("/down"))
                .await;
            let fault = down.err().unwrap().to_string();
            assert!(fault.contains("which is not under TLS"), "{fault}");
            for stranger in strangers {
                let fault = outgoing
                    .send(&stranger, &Request::get("/"))
                    .await
                    .err()
                    .unwrap();
                assert!(matches!(fault, OutgoingFault::Tls(_)), "{fault}");
            }
        }
    });
    std::fs::remove_dir_all(folder).unwrap();
}

/// A server of `here.example` with a certificate of `ca.pem` in the folder that is given back;
/// `other.pem` is another authority's.
fn serve_tls() -> (PathBuf, u16) {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    static FOLDERS: AtomicUsize = AtomicUsize::new(0);
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("thirteen-tls-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let authority = || {
        let mut wanted = CertificateParams::new(Vec::new()).unwrap();
        wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(wanted, KeyPair::generate().unwrap()).unwrap()
    };
    let ours = authority();
    std::fs::write(folder.join("ca.pem"), ours.pem()).unwrap();
    std::fs::write(folder.join("other.pem"), authority().pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let wanted = CertificateParams::new(vec!["here.example".to_owned()]).unwrap();
    let certificate = wanted.signed_by(&key, &ours).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let accept = crate::tls::tests::acceptor(certificate.der().to_vec(), key.serialize_der());
    std::thread::spawn(move || {
        for peer in listener.incoming() {
            let mut peer = accept(peer.unwrap());
            std::thread::spawn(move || {
                while let Some(head) = read_head(&mut peer) {
                    if head.starts_with("GET /down ") {
                        let away = "Location: http://here.example/\r\nContent-Length: 0\r\n";
                        say(&mut peer, &format!("HTTP/1.1 301 Moved\r\n{away}\r\n"));
                        continue;
                    }
                    say(
                        &mut peer,
                        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nunder TLS",
                    );
                }
            });
        }
    });
    (folder, port)
}

fn tls() -> &'static TlsClient {
    static CLIENT: std::sync::LazyLock<TlsClient> = std::sync::LazyLock::new(|| {
        let (folder, _) = serve_tls();
        let client = TlsClient::only(&folder.join("ca.pem")).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        client
    });
    &CLIENT
}

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

mod names {
    use super::*;

    type Asked = Arc<AtomicUsize>;

    /// Names that count look-ups, whose outcome is the number of the look-up as an address.
    fn counting() -> (Arc<Names>, Asked) {
        let asked = Asked::default();
        let counted = asked.clone();
        let names = Names::with(move |host| {
            let number = counted.fetch_add(1, Ordering::SeqCst) as u8 + 1;
            let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, number));
            (!host.starts_with("none")).then(|| vec![address])
        });
        (names, asked)
    }

    #[test]
    fn a_name_is_looked_up_once() {
        let (names, asked) = counting();
        let (told, counted) = (names.clone(), asked.clone());
        on_shard(&names, move |outgoing| {
            let (names, asked) = (told.clone(), counted.clone());
            async move {
                let outgoing = std::rc::Rc::new(outgoing);
                let answers = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
                for host in ["a.example", "A.Example.", "a.example"] {
                    let (outgoing, answers) = (outgoing.clone(), answers.clone());
                    crate::shard::spawn(async move {
                        let found = outgoing.names().resolve(host).await.unwrap();
                        answers.borrow_mut().push(found.to_vec());
                    });
                }
                while answers.borrow().len() < 3 {
                    crate::shard::sleep(Duration::from_millis(10)).await;
                }
                let first: IpAddr = "10.0.0.1".parse().unwrap();
                assert!(answers.borrow().iter().all(|found| found == &[first]));
                assert_eq!(asked.load(Ordering::SeqCst), 1);
                let stats = names.stats();
                assert_eq!((stats.cache_misses, stats.size), (1, 1));
                assert_eq!(stats.cache_hits_inflight + stats.cache_hits_completed, 2);
                // From the house's table, then from the shard's own.
                for _ in 0..2 {
                    let found = outgoing.names().resolve("a.example").await.unwrap();
                    assert_eq!(&*found, &[first]);
                }
                let now = Instant::now();
                assert!(outgoing.names().known("a.example", now).is_some());
                let later = now + crate::limits::DNS_TTL;
                assert!(outgoing.names().known("a.example", later).is_none());
                let stats = names.stats();
                assert_eq!((stats.total_count, stats.errors), (6, 0));
                let ratio = stats.cache_hits_completed as f64 / 6.0;
                assert_eq!(stats.hit_ratio(), ratio);
            }
        });
    }

    #[test]
    fn names_without_addresses_are_remembered_for_a_moment() {
        let (names, asked) = counting();
        let (told, counted) = (names.clone(), asked.clone());
        on_shard(&names, move |outgoing| {
            let (names, asked) = (told.clone(), counted.clone());
            async move {
                for _ in 0..3 {
                    let found = outgoing.names().resolve("none.example").await;
                    assert_eq!(found, Err(NameFault::NotFound));
                }
                assert_eq!(asked.load(Ordering::SeqCst), 1);
                assert_eq!((names.stats().errors, names.stats().cache_misses), (1, 1));
                for malformed in ["", "a b", "a/b", "[::1", "a:b", &"x".repeat(254)] {
                    let found = outgoing.names().resolve(malformed).await;
                    assert_eq!(found, Err(NameFault::Malformed), "{malformed}");
                }
                for address in ["127.0.0.1", "[::1]"] {
                    assert!(outgoing.names().resolve(address).await.is_ok());
                }
                assert_eq!(asked.load(Ordering::SeqCst), 1);
            }
        });
    }

    #[test]
    fn more_names_than_threads_are_all_looked_up() {
        let (names, _) = counting();
        on_shard(&names, move |outgoing| async move {
            let outgoing = std::rc::Rc::new(outgoing);
            let answered = std::rc::Rc::new(std::cell::Cell::new(0));
            for number in 0..50 {
                let (outgoing, answered) = (outgoing.clone(), answered.clone());
                crate::shard::spawn(async move {
                    let host = format!("h{number}.example");
                    assert!(outgoing.names().resolve(&host).await.is_ok());
                    answered.set(answered.get() + 1);
                });
            }
            let gives_up = Instant::now() + PATIENCE;
            while answered.get() < 50 {
                assert!(Instant::now() < gives_up, "{} of 50", answered.get());
                crate::shard::sleep(Duration::from_millis(10)).await;
            }
        });
    }

    #[test]
    fn a_look_up_that_panics_is_one_without_an_address() {
        let names = Names::with(|host| match host {
            "good.example" => Some(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
            _ => panic!("the resolver fails"),
        });
        on_shard(&names, move |outgoing| async move {
            for _ in 0..3 {
                let found = outgoing.names().resolve("bad.example").await;
                assert_eq!(found, Err(NameFault::NotFound));
                assert!(outgoing.names().resolve("good.example").await.is_ok());
            }
        });
    }
}
