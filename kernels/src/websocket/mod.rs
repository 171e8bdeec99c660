//! WebSocket payloads: unmasking and UTF-8.
