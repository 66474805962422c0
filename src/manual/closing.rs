//! How connections end.
//!
//! | what happens | `recv` gives | `close_info` |
//! |---|---|---|
//! | the peer closes, and we answer | `Ok(None)` | its code and reason |
//! | we call `close`, and the peer answers | `Ok(None)` from then on | the code it answered with |
//! | the peer breaks a rule or a limit | [`Protocol`](crate::Error::Protocol), after a Close 1002, 1007 or 1009 | `None` |
//! | the stream ends without a Close | [`Closed(None)`](crate::Error::Closed) (1006), or [`Io`](crate::Error::Io) | `None` |
//! | the peer is silent, or does not read | [`Timeout`](crate::Error::Timeout) | `None` |
//! | someone calls `abort` | [`Closed(None)`](crate::Error::Closed) | `None` |
//!
//! What was received in good order before the end is delivered first. After the end every call gives the same answer.
//!
//! [`close`](crate::WebSocket::close) sends a Close, waits for the peer's and ends the stream, within
//! [`Timeouts::close`](crate::Timeouts::close). A server ends the TCP connection first, a client waits for it to (RFC 6455 section 7.1.1).
//!
//! An error is given at once, and a limit given to [`recv_timeout`](crate::WebSocket::recv_timeout) or
//! [`try_recv`](crate::WebSocket::try_recv) holds for every call. What is left to do then, such as writing the Close and
//! waiting for the peer's end, goes on with the next call, or after the connection was dropped. It takes at most
//! [`Timeouts::close`](crate::Timeouts::close): in the server's thread once the handler has returned, which counts as a
//! connection until then, or in a thread of its own. There are at most 64 of those; connections beyond that end at once, and
//! their peers may miss the Close. Whoever wants to know that it has arrived calls `close` after the error.
//!
//! A code is never rewritten: what the peer sent is what [`CloseInfo::code`](crate::CloseInfo::code) tells, 1005 when there was no code.
//! The reason is for logs; RFC 6455 section 5.5.1 wants it kept from end users.
//!
//! A dropped [`WebSocket`](crate::WebSocket) sends Close 1001 if that needs no waiting (1011 when a panic drops it), and closes the socket.
