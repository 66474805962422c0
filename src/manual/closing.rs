//! Closing: how connections end, and what each call then returns.
//!
//! | what happens | `recv` returns | `close_info` returns |
//! |---|---|---|
//! | the peer sends a Close, and this side answers | `Ok(None)` | the peer's code and reason |
//! | this side calls `close`, and the peer answers | `Ok(None)` from then on | the code of the answer |
//! | the peer breaks a rule or a limit | [`Protocol`](crate::Error::Protocol), after a Close 1002, 1007 or 1009 | `None` |
//! | the stream ends without a Close | [`Closed(None)`](crate::Error::Closed) (1006), or [`Io`](crate::Error::Io) | `None` |
//! | the peer is silent, or does not read | [`Timeout`](crate::Error::Timeout) | `None` |
//! | any thread calls `abort` | [`Closed(None)`](crate::Error::Closed) | `None` |
//!
//! Messages that were received completely before the end are delivered first. After the end every call returns the same result.
//!
//! [`close`](crate::WebSocket::close) sends a Close, waits for the peer's Close and ends the stream. All of this takes at most
//! [`Timeouts::close`](crate::Timeouts::close). A server ends the TCP connection first; a client waits for that (RFC 6455 section 7.1.1).
//!
//! An error is returned at once, so [`recv_timeout`](crate::WebSocket::recv_timeout) and
//! [`try_recv`](crate::WebSocket::try_recv) keep their limit in every case. The remaining steps, such as writing the Close and waiting for the
//! peer to end its stream, continue with the next call or after the connection is dropped. They take at most
//! [`Timeouts::close`](crate::Timeouts::close).
//!
//! * On a server, the worker thread performs them after the handler has returned. Until they are done the connection counts towards the limits.
//! * Otherwise a background thread performs them. There are at most 64 such threads. Connections beyond them end at once, and
//!   their peers may miss the Close.
//! * To be sure that the Close has arrived, call `close` after the error.
//!
//! A received code is never changed: [`CloseInfo::code`](crate::CloseInfo::code) returns what the peer sent, or 1005 if the Close had no code.
//! The reason is meant for logs; RFC 6455 section 5.5.1 says not to show it to end users.
//!
//! A dropped [`WebSocket`](crate::WebSocket) sends Close 1001 if that needs no waiting, or 1011 if it is dropped by a panic. Then the
//! socket is closed. A caller-supplied stream is ended when its writer has accepted all sent bytes, after
//! [`Timeouts::close`](crate::Timeouts::close) at the latest.
