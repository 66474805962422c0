// Echo servers and clients on old npm packages, each in the version that spoke drafts (see package.json beside it).
// usage: node node_peers.js serve PACKAGE                prints its port
//        node node_peers.js visit PACKAGE PORT VERSION   sends texts and bytes, and waits for their echoes

'use strict';

const crypto = require('crypto');
const http = require('http');

// These packages are older than the change of the default from latin1 to UTF-8, and hash bytes in strings.
const createHash = crypto.createHash;
crypto.createHash = (name) => {
  const hash = createHash(name), update = hash.update.bind(hash), digest = hash.digest.bind(hash);
  hash.update = (data, encoding) => (update(data, encoding || 'latin1'), hash);
  hash.digest = (encoding) => digest(encoding === 'binary' ? 'latin1' : encoding);
  return hash;
};

const servers = {
  ws(server) {
    const { Server } = require('ws-0.4');
    new Server({ server }).on('connection', (ws) => ws.on('message', (data, { binary }) => ws.send(data, { binary })));
  },
  websocket(server) {
    const { server: Server } = require('websocket');
    new Server({ httpServer: server, autoAcceptConnections: true, maxReceivedFrameSize: 1 << 20 }).on('connect', (ws) =>
      ws.on('message', (m) => (m.type === 'utf8' ? ws.sendUTF(m.utf8Data) : ws.sendBytes(m.binaryData))));
  },
  driver(server, name = 'websocket-driver-0.3', options = {}) {
    const { isWebSocket, http: drive } = require(name);
    server.on('upgrade', (request, socket, body) => {
      if (!isWebSocket(request)) return socket.destroy();
      const driver = drive(request, options);
      driver.io.write(body);
      socket.pipe(driver.io).pipe(socket);
      driver.messages.pipe(driver.messages);
      driver.start();
    });
  },
  'driver-new'(server) {
    servers.driver(server, 'websocket-driver-0.8', { allowDrafts: true, maxLength: 1 << 20 });
  },
};

const visits = {
  ws(port, version) {
    const WebSocket = require('ws-0.4');
    const ws = new WebSocket(`ws://127.0.0.1:${port}/echo`, { protocolVersion: version, origin: `http://127.0.0.1:${port}` });
    return { ws, send: (data) => ws.send(data, { binary: typeof data !== 'string' }), on: (take) => ws.on('message', (data) => take(data)) };
  },
  websocket(port, version) {
    const { client: Client } = require('websocket');
    const ws = new Client({ webSocketVersion: version });
    let connection;
    ws.on('connect', (made) => { connection = made; ws.emit('open'); });
    ws.on('connectFailed', (error) => ws.emit('error', error));
    ws.connect(`ws://127.0.0.1:${port}/echo`);
    return {
      ws,
      send: (data) => (typeof data === 'string' ? connection.sendUTF(data) : connection.sendBytes(data)),
      on: (take) => connection.on('message', (m) => take(m.type === 'utf8' ? m.utf8Data : m.binaryData)),
    };
  },
};

function visit(name, port, version) {
  const wanted = ['hello', 'Grüße ☃', 'x'.repeat(300), 'y'.repeat(70000), Buffer.from([0, 1, 128, 255])];
  const { ws, send, on } = visits[name](port, version);
  ws.on('error', (error) => { console.error(String(error)); process.exit(1); });
  ws.on('open', () => {
    on((data) => {
      const next = wanted.shift();
      if (!Buffer.from(next).equals(Buffer.from(data))) { console.error('another message came back'); process.exit(1); }
      if (wanted.length === 0) { console.log('echoed'); process.exit(0); }
      send(wanted[0]);
    });
    send(wanted[0]);
  });
}

const [what, name, port, version] = process.argv.slice(2);
if (what === 'serve') {
  const server = http.createServer((request, response) => response.writeHead(426).end());
  servers[name](server);
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
} else {
  visit(name, Number(port), Number(version));
}
