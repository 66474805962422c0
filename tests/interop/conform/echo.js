// An echo server with ws (npm). The first line of its output is its port.
const { WebSocketServer } = require('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: true }, () => {
  console.log(server.address().port);
});
server.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  // A violation ends the connection; the server goes on.
  ws.on('error', () => {});
});
