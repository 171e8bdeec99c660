//! HTTP/1.1 parsing: heads, cookies, percent-encoding.
