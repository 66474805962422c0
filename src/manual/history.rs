//! How the protocol grew: every version that was deployed, what each changed and why.
//!
//! Twelve versions appeared in two years, and each answers a question that the one before had raised. Read in order, they explain
//! why a WebSocket looks as it does. With the feature `legacy` this crate supports all of them.
//! `cargo run --features legacy --example tour -- --version hybi-04` shows one of them byte by byte.
//!
//! # The handshakes
//!
//! A *proof* shows a client that the server understood this request. *Echoed* is what a server repeats from the request.
//!
// The tables are made of the rows of `legacy::table`; a test there prints them when they differ.
// handshakes: begin
//! | version | version field | proof | origin | echoed | subprotocols | extensions | rejected by |
//! |---|---|---|---|---|---|---|---|
//! | hixie-55 | nothing | none | `Origin`, required | `WebSocket-Origin`, `-Location` | one | no | end of TCP |
//! | hixie-75 | nothing | none | `Origin`, required | `WebSocket-Origin`, `-Location` | one | no | end of TCP |
//! | hybi-00 | nothing | `Key1`, `Key2`, 8 bytes: MD5 | `Origin`, required | `Sec-WebSocket-Origin`, `-Location` | one | no | end of TCP |
//! | hybi-01 | nothing | `Key1`, `Key2`, 8 bytes: MD5 | `Origin`, required | `Sec-WebSocket-Origin`, `-Location` | one | no | end of TCP |
//! | hybi-02 | `Sec-WebSocket-Draft: 2` | `Key1`, `Key2`, 8 bytes: MD5 | `Origin`, required | `Sec-WebSocket-Origin`, `-Location` | one | no | end of TCP |
//! | hybi-03 | `Sec-WebSocket-Draft: 2` | `Key1`, `Key2`, 8 bytes: MD5 | `Origin`, required | `Sec-WebSocket-Origin`, `-Location` | a list, space-separated | no | end of TCP |
//! | hybi-04 | `Sec-WebSocket-Version: 4` | `Key`: SHA-1; and a `Nonce` | `Sec-WebSocket-Origin`, required | nothing | a list, comma-separated, also quoted | names | end of TCP |
//! | hybi-05 | `Sec-WebSocket-Version: 5` | `Key`: SHA-1 | `Sec-WebSocket-Origin` | nothing | a list, comma-separated, also quoted | names, parameters of any text | end of TCP |
//! | hybi-06 | `Sec-WebSocket-Version: 6` | `Key`: SHA-1 | `Sec-WebSocket-Origin` | nothing | a list, comma-separated, also quoted | names, parameters of any text | end of TCP |
//! | hybi-07 | `Sec-WebSocket-Version: 7` | `Key`: SHA-1 | `Sec-WebSocket-Origin` | nothing | a list, comma-separated, also quoted | names, parameters of any text | HTTP response |
//! | hybi-08 | `Sec-WebSocket-Version: 8` | `Key`: SHA-1 | `Sec-WebSocket-Origin` | nothing | a list, comma-separated | names, parameters | HTTP response |
//! | rfc6455 | `Sec-WebSocket-Version: 13` | `Key`: SHA-1 | `Origin` | nothing | a list, comma-separated | names, parameters | HTTP response |
// handshakes: end
//!
//! # The frames
//!
//! The opcodes are those of continuation, text, binary, Close, Ping, Pong.
//!
// frames: begin
//! | version | a frame | top bit | opcodes | masked | control frames | closed by | invalid text at a client |
//! |---|---|---|---|---|---|---|---|
//! | hixie-55 | `00` text `FF` | - | - | no | none | end of TCP | replaced by U+FFFD |
//! | hixie-75 | `00` text `FF` | - | - | no | none | end of TCP | replaced by U+FFFD |
//! | hybi-00 | `00` text `FF` | - | - | no | none | `FF 00` from each peer | replaced by U+FFFD |
//! | hybi-01 | opcode, length | MORE | 0 4 5 1 2 3 | no | any length | Close, echoed | replaced by U+FFFD |
//! | hybi-02 | opcode, length | MORE | 0 4 5 1 2 3 | no | any length | Close, echoed | replaced by U+FFFD |
//! | hybi-03 | opcode, length | MORE | 0 4 5 1 2 3 | no | 125 bytes | Close, echoed | replaced by U+FFFD |
//! | hybi-04 | opcode, length | FIN | 0 4 5 1 2 3 | frame, by SHA-1 of 20 bytes | 125 bytes | Close, echoed | replaced by U+FFFD |
//! | hybi-05 | opcode, length | FIN | 0 4 5 1 2 3 | frame, by 4 bytes | 125 bytes | Close with `C` or `S`, echoed | replaced by U+FFFD |
//! | hybi-06 | opcode, length | FIN | 0 4 5 1 2 3 | frame, by 4 bytes | 125 bytes, also between fragments | Close with a code; too big: 1004 | replaced by U+FFFD |
//! | hybi-07 | opcode, length | FIN | 0 1 2 8 9 A | payload, by 4 bytes | 125 bytes, also between fragments | Close with a code; too big: 1004 | replaced by U+FFFD |
//! | hybi-08 | opcode, length | FIN | 0 1 2 8 9 A | payload, by 4 bytes | 125 bytes, also between fragments | Close with a code; too big: 1004 | fails |
//! | rfc6455 | opcode, length | FIN | 0 1 2 8 9 A | payload, by 4 bytes | 125 bytes, also between fragments | Close with a code; too big: 1009 | fails |
// frames: end
//!
//! # Where this library is stricter, or more careful, than a text
//!
//! | versions | the text | here |
//! |---|---|---|
//! | hixie-55 to hybi-02 | the name of a field has any characters but CR, LF and colon, and unknown fields are ignored | the name is a token, as in HTTP and in all later versions; otherwise the handshake fails |
//! | hixie-55, hixie-75 | a request has no proof, and unknown fields are ignored | a request with a field `Sec-WebSocket-...` is never one of these versions |
//! | hixie-75 to hybi-01 | a subprotocol may have spaces | a server accepts such a name, a client offers none |
//! | hybi-03 | `Sec-WebSocket-Draft: 2` | a server also accepts 3, which clients in the field send |
//! | hixie-55 to hybi-06 | a status other than 101 fails the connection | the error has the status, headers and body; redirects are followed only from hybi-07 on |
//! | hybi-06 to version 8 | nothing about close code 1015 | a Close with 1015 fails the connection, as in RFC 6455 |
//!
//! # What each version changed, and why
//!
//! **hixie-55 and -75** (November 2009 and February 2010) are the versions that browsers shipped first. A request looks like HTTP,
//! but its bytes are fixed, and so are those of the response. Text stands between 0x00 and 0xFF, which never occur in UTF-8.
//! Nothing proves that a server meant to agree: any attacker who can make a server send those bytes has opened a connection. There
//! is no closing handshake: TCP ends, and neither side knows what arrived.
//!
//! **hixie-76**, which the IETF adopted as **hybi-00** (May 2010), adds a proof. Two numbers are hidden in two headers that no form
//! and no `XMLHttpRequest` can set, because their names begin with `Sec-`. Eight bytes follow the head, where no HTTP server
//! expects them, so that an unaware proxy stops at once. The response is MD5 over all three. `FF 00` closes the connection. The
//! eight bytes were a mistake: proxies held them back, and the handshake failed where it could have worked.
//!
//! **hybi-01** (August 2010) replaces the frames: a header with opcode and length instead of an end marker. This allows binary
//! messages, fragments (a message can start before its length is known), Ping and Pong. A receiver knows how many bytes follow, and
//! can reject them. The top bit says that *more* fragments follow.
//!
//! **hybi-02 and -03** add a number to the request (`Sec-WebSocket-Draft`), limit control frames to 125 bytes without fragments,
//! and require the answer to a Close to repeat its body.
//!
//! **hybi-04** (January 2011) responds to a paper. Huang, Chen, Barth, Rescorla and Jackson showed in November 2010 that some
//! transparent proxies took the bytes of an upgraded connection for new HTTP requests. A page could make such a proxy fetch
//! an attacker's script under another site's name and cache it for all users: *cache poisoning*. Browsers disabled WebSocket. The
//! remedy: no byte that a page chooses may appear unchanged on the wire. A client therefore masks whole frames, including the
//! header, with a key that the page cannot know. In this version SHA-1 derives the key for each frame from nonces of both sides.
//! The handshake becomes plain HTTP with `Sec-WebSocket-Key` and `Sec-WebSocket-Accept`, the eight bytes are gone, versions get
//! negotiable numbers, and the top bit is inverted to FIN. (The examples of the draft were not updated.)
//!
//! **hybi-05** (February 2011) replaces the derived key by four random bytes sent with each frame. The page still cannot choose the
//! bytes on the wire, and SHA-1 for every frame was only slow. A letter in the Close says which side closes first.
//!
//! **hybi-06** (February 2011) replaces the letter by a code and a reason, because the cause of a close matters. Control frames may
//! stand between fragments; otherwise a large message would delay all Pings.
//!
//! **hybi-07** (April 2011) moves the mask behind the header, so that a server can read opcode and length before it unmasks. Masking
//! gets its own bit, and opcodes are sorted: data below 8, control from 8 on. The frame format has not changed since. Firefox 6
//! used this version.
//!
//! **Version 8** (hybi-08 to -12, June to August 2011) refines: HTTP responses for rejections, code 1007 and failure on invalid text
//! instead of U+FFFD, and codes that are never sent. Chrome 14 and Firefox 7 used it.
//!
//! **Version 13** (hybi-13 to -17, **RFC 6455** in December 2011): lengths must be minimal, a client fails on masked frames, a rejection
//! lists all versions, and "too big" is 1009. Nothing on the wire is new; open questions are decided.
//!
//! The chapter [`reviews`](super::reviews) has what reviewers asked, and the answers.
