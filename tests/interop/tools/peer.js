// npm's ws as a peer.
//
//   peer.js server [deflate]        echoes; prints its port, and the extensions of each connection
//   peer.js client URL [deflate]    sends texts and bytes of many sizes, and compares what comes back
"use strict";

const { WebSocket, WebSocketServer } = require("ws");

const [role, ...rest] = process.argv.slice(2);
const perMessageDeflate = rest.includes("deflate") ? { threshold: 0 } : false;

function serve() {
    const server = new WebSocketServer({
        host: "127.0.0.1",
        port: 0,
        perMessageDeflate,
        handleProtocols: (offered) => (offered.has("v2") ? "v2" : false),
    });
    server.on("listening", () => console.log(server.address().port));
    server.on("connection", (socket) => {
        console.log(`open ${socket.extensions || "none"}`);
        socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
        socket.on("close", (code, reason) => console.log(`close ${code} ${reason}`));
        socket.on("error", (error) => console.log(`error ${error.message}`));
    });
}

function connect(url) {
    const sizes = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20];
    const messages = sizes.flatMap((size) => {
        const text = "Grüße ☃ ".repeat(size / 8 + 1).slice(0, size);
        return [text, Buffer.from(text)];
    });
    const socket = new WebSocket(url, { perMessageDeflate });
    let next = 0;
    const fail = (reason) => {
        console.log(`client: ${reason}`);
        process.exit(1);
    };
    socket.on("error", (error) => fail(error.message));
    socket.on("open", () => messages.forEach((message) => socket.send(message)));
    socket.on("message", (data, isBinary) => {
        const expected = messages[next++];
        if (isBinary !== Buffer.isBuffer(expected) || !data.equals(Buffer.from(expected))) {
            fail(`message ${next} came back otherwise`);
        }
        if (next === messages.length) {
            socket.close(1000, "done");
        }
    });
    socket.on("close", (code) => {
        console.log(`${next} of ${messages.length}, ${socket.extensions || "none"}, closed ${code}`);
        process.exit(next === messages.length && code === 1000 ? 0 : 1);
    });
}

if (role === "server") {
    serve();
} else {
    connect(rest[0]);
}
