//! Request heads made from random bytes: most are nearly right, in every way a head can be wrong.

/// Choices drawn from bytes; when they run out, every choice is the first.
pub(crate) struct Choices<'a> {
    bytes: &'a [u8],
}

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Choices<'a> {
        Choices { bytes }
    }

    /// A number below `bound`, which is at most 256.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let Some((&byte, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        usize::from(byte) % bound
    }

    fn pick<'p>(&mut self, options: &[&'p [u8]]) -> &'p [u8] {
        options[self.below(options.len())]
    }
}

/// The bytes of a xorshift generator: the same for the same seed, on every machine.
pub(crate) fn random_bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// A head, and perhaps something after it.
pub(crate) fn head(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(choices.pick(&[b"", b"", b"", b"", b"", b"", b"\r\n", b"\r\n\r\n"]));
    request_line(choices, &mut out);
    // Without a host first, few heads of HTTP/1.1 would be accepted.
    out.extend_from_slice(choices.pick(&[
        b"Host: example.com\r\n",
        b"Host: 127.0.0.1:3000\r\n",
        b"host:[::1]\r\n",
        b"HOST: shop.example.com \r\n",
        b"",
    ]));
    let line_count = choices.below(12);
    for _ in 0..line_count {
        header_line(choices, &mut out);
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(choices.pick(&[b"", b"", b"body", b"\r\n\r\n", b"GET / HTTP/1.1\r\n"]));
    // Two of three heads are left as the grammar made them.
    for _ in 0..choices.below(3).saturating_sub(1) {
        spoil(choices, &mut out);
    }
    out
}

fn request_line(choices: &mut Choices<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(choices.pick(&[
        b"GET",
        b"GET",
        b"GET",
        b"POST",
        b"HEAD",
        b"PUT",
        b"PATCH",
        b"DELETE",
        b"OPTIONS",
        b"CONNECT",
        b"TRACE",
        b"PROPFIND",
        b"get",
        b"G",
        b"M-SEARCH",
    ]));
    out.push(b' ');
    out.extend_from_slice(choices.pick(&[
        b"/",
        b"/health",
        b"/api/items/42?fields=name",
        b"/a%20b",
        b"/a?b=%20",
        b"/?",
        b"*",
        b"/very/long/path/of/a/request/that/does/not/fit/into/one/vector/of/any/level/at/all?q=1",
        b"http://example.com/x?y",
        b"HTTPS://example.com",
        b"example.com:443",
        b"/a?b?c%3f",
        b"http://[::1]:3000/",
        b"/caf\xc3\xa9",
        b"/\"quoted\"",
        b"/a#b",
        b"ftp://example.com/",
    ]));
    let repeats = choices.below(40);
    for _ in 0..repeats.saturating_sub(30) {
        out.extend_from_slice(b"/more/segments/of/the/same/target");
    }
    out.push(b' ');
    out.extend_from_slice(choices.pick(&[
        b"HTTP/1.1",
        b"HTTP/1.1",
        b"HTTP/1.1",
        b"HTTP/1.1",
        b"HTTP/1.0",
        b"HTTP/2.0",
        b"HTTP/1.2",
        b"http/1.1",
    ]));
    out.extend_from_slice(b"\r\n");
}

fn header_line(choices: &mut Choices<'_>, out: &mut Vec<u8>) {
    let (name, values): (&[u8], &[&[u8]]) = match choices.below(48) {
        0 => (
            b"Host",
            &[
                b"127.0.0.1:3000",
                b"example.com",
                b"shop.example.com:8080",
                b"[::1]:80",
                b"a_host-name.example",
                b"",
                b"user@example.com",
                b"example.com:",
                b"bad host",
            ],
        ),
        1 => (
            b"content-length",
            &[
                b"0",
                b"13",
                b"00013",
                b"1, 1",
                b"-1",
                b"9999999999999999999",
            ],
        ),
        2 => (
            b"Transfer-Encoding",
            &[b"chunked", b"Chunked", b"gzip, chunked", b"identity"],
        ),
        3..=8 => (
            b"Connection",
            &[
                b"keep-alive",
                b"close",
                b"Upgrade",
                b"upgrade, Keep-Alive",
                b"x",
            ],
        ),
        9..=12 => (b"Upgrade", &[b"websocket", b"h2c"]),
        13..=15 => (b"Expect", &[b"100-continue", b"100-Continue", b"200-ok"]),
        16..=21 => (b"Cookie", &[b"a=1; b=2", b"session=\"quoted\"", b""]),
        22..=27 => (
            b"Accept-Encoding",
            &[b"gzip, deflate, br, zstd", b"identity"],
        ),
        28..=33 => (
            b"User-Agent",
            &[b"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101"],
        ),
        34..=39 => (
            b"X-Text",
            &[b"caf\xc3\xa9", b"a\tb", b"\xff\xfe", b"  ", b"x"],
        ),
        40..=43 => (b"Hosts", &[b"almost a known name"]),
        _ => (b"cookies", &[b"another one"]),
    };
    out.extend_from_slice(name);
    out.push(b':');
    out.extend_from_slice(choices.pick(&[b" ", b" ", b" ", b"", b"  ", b"\t", b" \t "]));
    out.extend_from_slice(choices.pick(values));
    for _ in 0..choices.below(60).saturating_sub(50) {
        out.extend_from_slice(b"and more of it,");
    }
    out.extend_from_slice(choices.pick(&[b"", b"", b"", b"", b" ", b" \t"]));
    out.extend_from_slice(b"\r\n");
}

/// Replaces, removes, doubles or cuts at one place.
fn spoil(choices: &mut Choices<'_>, out: &mut Vec<u8>) {
    if out.is_empty() {
        return;
    }
    let at = (choices.below(256) * 256 + choices.below(256)) % out.len();
    match choices.below(5) {
        0 => out[at] = choices.below(256) as u8,
        1 => out[at] = choices.pick(&[b"\r", b"\n", b"\0", b" ", b"\t", b":", b"\x7f", b"\x80"])[0],
        2 => {
            out.remove(at);
        }
        3 => out.insert(at, out[at]),
        _ => out.truncate(at),
    }
}
