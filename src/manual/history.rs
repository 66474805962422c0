//! How the protocol grew: every version that was deployed, what each changed and why.
//!
//! Twelve versions appeared in two years, and each answers a question that the one before had raised. Read in order, they explain
//! why a WebSocket looks as it does. With the feature `legacy` this crate supports all of them.
//! `cargo run --features legacy --example tour -- --version hybi-04` shows one of them byte by byte, and `tour --list` names chapters
//! about their subprotocols, cookies, extensions, skipped frames, invalid text, and a client that falls back.
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
//! # From hybi-01 to hybi-02, point by point
//!
//! The two drafts are three weeks apart. Frames did not change.
//!
//! | hybi-01 | hybi-02 | here |
//! |---|---|---|
//! | no number | the request has `Sec-WebSocket-Draft: 2`; a server aborts on a number that it does not know | so, with keys and without |
//! | `Upgrade: WebSocket`, compared letter by letter | compared without regard to case | a client accepts `websocket` from hybi-02 on |
//! | one subprotocol, also with spaces, 0x20 to 0x7E | a list of different names, each of 0x21 to 0x7E; the steps still send one | a client offers one; hybi-03 has a list |
//! | a resource name of 0x20 to 0x7E without spaces | of 0x21 to 0x7E, beginning with `/` | the same URLs in every version |
//! | the host has to be ASCII | and has nothing above 0x7E; in the location it is in lower case | so in both |
//! | a receiver is prepared for fragments | both sides MUST receive messages with and without fragments | so in both |
//! | attempts to one address wait for each other | where a proxy resolves names, each name counts as one address, and all attempts have a limit | so in both |
//! | cookies of the response apply at once | only when the connection is established; a flag defers them | the application applies them |
//! | cookie headers | each is one field, in its usual case, without continuation lines | a value with a line break is a usage error |
//! | a client is one program | the program and the agents of its carrier count as one client | - |
//! | "ASCII" for the bytes of the proof | "UTF-8" for the same bytes | they are bytes |
//!
//! # Why some parts were there
//!
//! **Why a location?** A server on port 20000 of a shared machine belongs to `www.example.com`. The author of `hostile.example.net`,
//! whose name leads to the same machine, can write a page that connects to `ws://hostile.example.net:20000/`. The page has the right
//! origin for that name, and an old server checks no `Host`. With `WebSocket-Location` the server states its own URL, the client
//! expects another, and ends the connection. Since hybi-04 this is the server's task: it has `Host` and `Origin`, and rejects those that
//! are not its own. [`Server::allow_host`](crate::Server::allow_host) does this.
//!
//! **Why is a key divided by its spaces?** The number in `Sec-WebSocket-Key1` is the digits of the field, divided by the number of its
//! spaces. An attacker who controls the path of an ordinary request can write `GET /Sec-WebSocket-Key1:...` into it, but no space,
//! because a space ends the path. A server that looks for the field anywhere has to count spaces, and a server that does not check
//! for zero divides by zero and fails. The characters between make the author of a server look for spaces and line ends, instead of
//! taking any character for a space. Two such fields are harder to forge than one.
//!
//! **Why eight bytes behind the head?** No HTTP server expects them, so a request that a page smuggles in has no place for them.
//! They are in the same packet as the head or in another; a server waits for them.
//!
//! **Why no `FF` in a text frame?** `FF` never occurs in UTF-8, so the end of a text needs no escape. Text in another encoding could
//! forge frames, and so an encoder takes nothing but UTF-8.
//!
//! # Errors and ambiguities of the texts
//!
//! | text | says | read here as |
//! |---|---|---|
//! | hixie-55 5.3 | a server has no step for frame types from 80 to FF | as in hixie-75: such a frame is skipped, up to the frame limit |
//! | hixie-75 5.1 | a request ends with `0A 0D 0A 0D` | `0D 0A 0D 0A` |
//! | hybi-00 5.3 | does a server answer `FF 00`? The overview says yes, the steps nothing | yes, in both roles |
//! | hybi-00, client example | a key is broken after `&`, and the line break looks like a space | no space there; the other examples compute |
//! | hybi-01 to -05 4.3 | control frames between fragments: "an open question" | received; not sent before hybi-06 |
//! | hybi-01 4.4 | control frames of any length | a Ping of more than 125 bytes is answered with its first 125, a Close with none |
//! | hybi-02 3.3 and 5.1 | a list of subprotocols, or one | one |
//! | hybi-03 5.1 | `Sec-WebSocket-Draft: 2`, as in hybi-02 | sent so; 2 is hybi-03 where both are enabled, and 3 is received |
//! | hybi-03, -04 4.5 | two Closes with the same body that cross look like answers to each other | they are; TCP ends either way |
//! | hybi-04 1.3 | the accept value `me89jWimTRKTWwrS3aRrL53YZSo=` | `s3pPLMBiTxaQ9kYGzzhZRbK+xOo=`, as in 5.2.2 |
//! | hybi-04 4.3, 4.7 | grammar and examples with MORE, figure with FIN | FIN |
//! | hybi-04 to RFC 6455 4.1 | base64 of the bytes 1 to 16 is `AQIDBAUGBwgJCgsMDQ4PEC==` | the last digit is `A`; the spare bits of a key are not checked |
//! | hybi-04 to -07 9 | a server answers with `Sec-WebSocket-Origin` | no step sends it; nor does this server, and a client ignores it |
//! | hybi-05 5.2.2 | a `Sec-WebSocket-Nonce` without a use | not sent, and not missed |
//! | hybi-05 5.2.1 | is `Sec-WebSocket-Origin` required? Both | not required |
//! | hybi-06 5.1 | no more than one connection in CONNECTING; then, several hosts at once | one for each address |
//! | hybi-07 4.4 | text has opcode 4 in a sentence, 1 in the figure | 1 |
//! | hybi-09 4.2 | an unknown opcode is ignored; RFC 6455 fails | fails in every version |
//! | hybi-13 | version 8 in one place, 13 in another | 13 |
//! | RFC 6455 4.2.2, 11.3.2 | a server may split `Sec-WebSocket-Extensions`; it must not | must not; a client fails on two |
//! | RFC 6455 5.5.1, 7.1.2 | TCP must be closed; it should be | must |
//! | RFC 7692 7.2.3.3 | a length of 7 for the byte `0x0b` | 11 |
//!
//! The chapter [`reviews`](super::reviews) has what reviewers asked, and the answers.
