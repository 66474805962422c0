//! What is defended against, and what is your duty.
//!
//! | danger | what is done |
//! |---|---|
//! | a peer decides how much memory is used | limits, on before anyone is authenticated; buffers grow with what has arrived |
//! | a silent or slow peer holds a thread | every wait for it has a bound: [`Timeouts`](crate::Timeouts) |
//! | peers that are alive hold all threads | [`Server::max_connections`](crate::Server::max_connections) |
//! | Pings without end | each is answered until 8 KiB of answers wait; beyond that only the newest |
//! | a page of another site opens a connection with the user's cookies | same-host Origin unless allowed; `danger_any_origin` has its name for a reason |
//! | a small message that stands for a huge one | limits count what comes out of decompression, while it comes out |
//! | lengths that tell secrets (CRIME, BREACH) | compression is off unless asked for; `send_uncompressed` for single messages |
//! | masking keys that can be guessed | a fresh one for each frame, from the system's random source (outside Unix, from a secret of its, see [`Client::entropy`](crate::Client::entropy)); without it nothing is sent |
//! | headers with line breaks | CR, LF, NUL, control characters and what is not ASCII are refused before anything is sent |
//! | request smuggling by lenient parsing | CRLF only, no folding, no control characters, single fields once |
//! | control sequences for the terminal | `Display` of messages and reasons escapes them |
//! | a redirect that takes credentials elsewhere, or TLS away | none is followed unless asked for; then credentials stay behind, and `wss` stays `wss` |
//! | a client of a CGI program that sets its proxy (httpoxy) | the environment is read only by [`Proxy::from_env`](crate::Proxy::from_env), and there `HTTP_PROXY` is not |
//! | secrets in logs | Authorization, Cookie and the passwords of URLs and proxies never appear in `Debug`, errors or traces |
//!
//! Your duty: authenticate; check what messages say; keep Close reasons from end users (RFC 6455 section 5.5.1); use TLS where the
//! network is not yours. A client that is not a browser can send any Origin it likes (RFC 6455 section 10.1): the check protects
//! browsers' users, not the server.
