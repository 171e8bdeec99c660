//! What a shard counts besides requests: bytes, connections, frames, and faults by kind.

/// A count that only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    /// Bytes received, as they came off the wire.
    BytesIn,
    /// Bytes that the kernel took for sending.
    BytesOut,
    /// Connections accepted.
    ConnectionsOpened,
    /// Accepted connections that are gone.
    ConnectionsClosed,
    /// Connections turned away because the bound was reached.
    ConnectionsRefused,
    /// WebSocket sessions opened.
    WebSocketsOpened,
    /// WebSocket sessions that are gone.
    WebSocketsClosed,
    /// Messages of WebSocket clients, each a frame of the configuration protocol.
    FramesIn,
    /// Messages to WebSocket clients; pongs and close frames are not among them.
    FramesOut,
    /// Changes of the configuration folded together for clients that read slowly.
    UpdatesFolded,
    /// Items whose stock a change made low.
    StockLow,
    /// Reservations of stock that were released because their time was over.
    StockReservationsExpired,
    /// Requests answered from the cache of replies.
    CacheHits,
    /// Requests whose reply the cache did not have.
    CacheMisses,
    /// Replies that the cache gave up to have room.
    CacheEvictions,
    /// Documents of upstreams' packages that were served as they are here.
    UpstreamDocumentHits,
    /// Such documents that were served although their upstream was not asked in time.
    UpstreamDocumentsStale,
    /// Such documents that somebody had to wait for.
    UpstreamDocumentMisses,
    /// Tarballs of upstreams that were here.
    UpstreamTarballHits,
    /// Tarballs of upstreams that were not.
    UpstreamTarballMisses,
}

/// A fault of the peer, by kind. The names are the `kind` label of `thirteen_faults_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Fault {
    /// A request head that breaks RFC 9112.
    HeadMalformed,
    /// A head, a target or a number of headers over its bound.
    HeadTooLarge,
    /// A head that did not arrive in time.
    HeadTimeout,
    /// A body whose framing is wrong.
    BodyMalformed,
    /// A body over its route's bound.
    BodyTooLarge,
    /// A body that stalled.
    BodyTimeout,
    /// A peer that did not read its reply.
    WriteTimeout,
    /// A connection that the peer reset while it was idle or a reply was on its way.
    Reset,
    /// A request or a frame over its rate.
    RateLimited,
    /// A WebSocket handshake that was refused, a foreign Origin among them.
    HandshakeRefused,
    /// A WebSocket frame that breaks RFC 6455.
    WebSocketProtocol,
    /// A frame that breaks the configuration protocol, or that its sender may not send.
    ConfigFrame,
    /// A set of X-Bun headers that does not hold.
    ConfigHeaders,
    /// A WebSocket client that fell silent or stopped reading.
    ClientTimeout,
    /// A request that a fault of our own ended.
    Internal,
}

impl Counter {
    /// Every counter, in the order of its number.
    pub const ALL: [Counter; 20] = [
        Counter::BytesIn,
        Counter::BytesOut,
        Counter::ConnectionsOpened,
        Counter::ConnectionsClosed,
        Counter::ConnectionsRefused,
        Counter::WebSocketsOpened,
        Counter::WebSocketsClosed,
        Counter::FramesIn,
        Counter::FramesOut,
        Counter::UpdatesFolded,
        Counter::StockLow,
        Counter::StockReservationsExpired,
        Counter::CacheHits,
        Counter::CacheMisses,
        Counter::CacheEvictions,
        Counter::UpstreamDocumentHits,
        Counter::UpstreamDocumentsStale,
        Counter::UpstreamDocumentMisses,
        Counter::UpstreamTarballHits,
        Counter::UpstreamTarballMisses,
    ];

    /// How many counters there are.
    pub const COUNT: usize = Counter::ALL.len();

    /// The place in tables.
    pub fn index(self) -> usize {
        self as usize
    }
}

impl Fault {
    /// Every fault, in the order of its number.
    pub const ALL: [Fault; 15] = [
        Fault::HeadMalformed,
        Fault::HeadTooLarge,
        Fault::HeadTimeout,
        Fault::BodyMalformed,
        Fault::BodyTooLarge,
        Fault::BodyTimeout,
        Fault::WriteTimeout,
        Fault::Reset,
        Fault::RateLimited,
        Fault::HandshakeRefused,
        Fault::WebSocketProtocol,
        Fault::ConfigFrame,
        Fault::ConfigHeaders,
        Fault::ClientTimeout,
        Fault::Internal,
    ];

    /// How many faults there are.
    pub const COUNT: usize = Fault::ALL.len();

    /// The place in tables.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The `kind` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::HeadMalformed => "head_malformed",
            Fault::HeadTooLarge => "head_too_large",
            Fault::HeadTimeout => "head_timeout",
            Fault::BodyMalformed => "body_malformed",
            Fault::BodyTooLarge => "body_too_large",
            Fault::BodyTimeout => "body_timeout",
            Fault::WriteTimeout => "write_timeout",
            Fault::Reset => "reset",
            Fault::RateLimited => "rate_limited",
            Fault::HandshakeRefused => "handshake_refused",
            Fault::WebSocketProtocol => "websocket_protocol",
            Fault::ConfigFrame => "config_frame",
            Fault::ConfigHeaders => "config_headers",
            Fault::ClientTimeout => "client_timeout",
            Fault::Internal => "internal",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_the_order_of_the_numbers() {
        for (position, counter) in Counter::ALL.into_iter().enumerate() {
            assert_eq!(counter.index(), position, "{counter:?}");
        }
        for (position, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault.index(), position, "{fault:?}");
        }
    }
}
