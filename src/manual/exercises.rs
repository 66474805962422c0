//! Exercises: build a WebSocket server of your own, in any language, in seven stages that a program judges.
//!
//! | stage | what is built | read | how it is run |
//! |---|---|---|---|
//! | [1](#1-the-accept-key) | the accept key | RFC 6455 sections 1.3 and 4.2.2 | answers lines |
//! | [2](#2-the-header) | the header of a frame | RFC 6455 section 5.2 | answers lines |
//! | [3](#3-the-mask) | masking | RFC 6455 section 5.3 | answers lines |
//! | [4](#4-fragments) | messages in fragments | RFC 6455 sections 5.4 to 5.6 | a server at a URL |
//! | [5](#5-closing) | the closing handshake | RFC 6455 sections 5.5.1, 7.1 and 7.4 | a server at a URL |
//! | [6](#6-broadcast) | one message to all | RFC 6455 section 6.1 | a server at a URL |
//! | [7](#7-inflate) | decompression | RFC 7692 section 7.2, RFC 1951 section 3 | answers lines |
//!
//! The judge is the tool of `examples/ws`: `cargo install --path . --example ws`. It shows for each failure what it sent,
//! what it expected and what it saw in hexadecimal, which byte is wrong, and the section to read. It exits with 0 when the
//! stage is done, with 3 before, and with 1 while nothing can be judged, because a server does not return even one message.
//! `--verbose` also shows what was right. `ws explain HEX` names each bit of the bytes.
//!
//! **A program that answers lines** reads one question from a line of its standard input, writes the answer in one line of
//! its standard output, and flushes it. Then the next question comes. At the end of its input it ends. **A server** runs
//! already, and listens on an address of your choice. The skeletons are in Python; nothing depends on that.
//!
//! # 1. The accept key
//!
//! The question is the `Sec-WebSocket-Key` of a request, and the answer the `Sec-WebSocket-Accept` of its response.
//!
//! ```text
//! import base64, hashlib, sys
//! for line in sys.stdin:
//!     key = line.strip()
//!     print("the accept key of", key, flush=True)    # yours: 28 characters
//! ```
//!
//! ```text
//! ws conform --stage 1 -- python3 accept.py
//! ```
//!
//! The solution of this crate: [`accept_key`](crate::handshake::server::accept_key).
//!
//! # 2. The header
//!
//! The question is the beginning of a frame in hexadecimal. The answer is six decimal numbers: FIN, the three reserved bits as
//! one number, the opcode, MASK, the length of the payload, and the size of the header with its masking key. If the bytes
//! are not the whole header, the answer is the word `more`. The payload may be missing.
//!
//! ```text
//! import sys
//! for line in sys.stdin:
//!     data = bytes.fromhex(line)              # 81 85 37 fa 21 3d ...: a masked text of 5 bytes
//!     print("1 0 1 1 5 6", flush=True)        # yours: FIN RSV OPCODE MASK LENGTH SIZE
//! ```
//!
//! ```text
//! ws conform --stage 2 -- python3 header.py
//! ```
//!
//! The solution of this crate: [`codec::frame`](crate::codec::frame).
//!
//! # 3. The mask
//!
//! The question is a masking key and a payload in hexadecimal, separated by a space. The answer is the masked payload, which
//! for a masked payload is the original: masking is its own inverse.
//!
//! ```text
//! import sys
//! for line in sys.stdin:
//!     key, payload = map(bytes.fromhex, line.split())
//!     print(payload.hex(), flush=True)        # yours
//! ```
//!
//! ```text
//! ws conform --stage 3 -- python3 mask.py
//! ```
//!
//! The solution of this crate: [`codec::mask`](crate::codec::mask).
//!
//! # 4. Fragments
//!
//! The three parts become a server that returns each message: text as text, binary as binary. Messages come in any number of
//! fragments, with Pings between them, which are answered at once. Fragments in a wrong order end the connection.
//!
//! ```text
//! import socketserver
//! class Echo(socketserver.StreamRequestHandler):
//!     def handle(self):
//!         # Read the request up to the empty line, and answer 101 with the accept key.
//!         # For each frame: read its header, read its payload, unmask it.
//!         #   1, 2   a message, or its first fragment: send it back when FIN has come
//!         #   0      a further fragment
//!         #   8      a Close: send it back, and end
//!         #   9      a Ping: send a Pong with the same payload
//!         #   10     a Pong: nothing to do
//!         # A server does not mask.
//!         pass
//! socketserver.ThreadingTCPServer.allow_reuse_address = True
//! socketserver.ThreadingTCPServer(("127.0.0.1", 9001), Echo).serve_forever()
//! ```
//!
//! ```text
//! ws conform --stage 4 ws://127.0.0.1:9001
//! ```
//!
//! The solution of this crate: [`codec::decoder`](crate::codec::decoder).
//!
//! # 5. Closing
//!
//! The same server answers a Close with a Close, sends nothing after that, and ends the TCP connection. Codes and reasons can be
//! wrong: 1005, 1006 and 1015 stand in no frame, a body of one byte is no code, a reason is UTF-8.
//!
//! ```text
//! # opcode 8
//! code = int.from_bytes(payload[:2], "big") if payload else None
//! # yours: which answer fits which body?
//! ```
//!
//! ```text
//! ws conform --stage 5 ws://127.0.0.1:9001
//! ```
//!
//! The solution of this crate: [`codec::closing`](crate::codec::closing).
//!
//! # 6. Broadcast
//!
//! The server now sends each message to all open connections, that of the sender included. All receive the messages in the same
//! order, and none of them in the middle of another frame. A connection that closes, or that is lost, does not disturb the
//! others.
//!
//! ```text
//! members, lock = [], threading.Lock()
//! def broadcast(frame):
//!     with lock:                              # why is the lock held while sending?
//!         for member in members:
//!             member.sendall(frame)           # what if this one is lost, or does not read?
//! ```
//!
//! ```text
//! ws conform --stage 6 ws://127.0.0.1:9001
//! ```
//!
//! The solution of this crate: [`Hub`](crate::Hub), in the chapter [`broadcasting`](super::broadcasting). It has queues, so no
//! slow member holds up others. The stage does not judge that.
//!
//! # 7. Inflate
//!
//! The question is the payload of a compressed message in hexadecimal, the answer is the message in hexadecimal. All messages
//! belong to one connection, so later ones can refer to bytes of earlier ones. An empty message is an empty line.
//! BFINAL 1 ends a block and nothing else: the next one begins with the next byte, in the same or in a later message, and
//! the window stays.
//!
//! ```text
//! import sys
//! window = bytearray()                        # the last 32,768 bytes
//! for line in sys.stdin:
//!     payload = bytes.fromhex(line) + bytes.fromhex("0000ffff")
//!     # Yours: for each block, BFINAL (1 bit) and BTYPE (2 bits), the lowest bits first. Stored blocks come first,
//!     # then fixed codes, then blocks with codes of their own.
//!     print("", flush=True)
//! ```
//!
//! ```text
//! ws conform --stage 7 -- python3 inflate.py
//! ```
//!
//! The solution of this crate: `deflate::Inflate`.
//!
//! # After that
//!
//! `ws conform ws://127.0.0.1:9001` runs all cases: requests that are wrong, reserved bits, UTF-8, limits, compression.
//! `ws conform --listen 127.0.0.1:9002` judges a client. The table of its cases, and what it found in other libraries, is in
//! `examples/ws/README.md`. The chapter [`reading`](super::reading) lists the files of this crate in the order of the RFC.
