// A client with ws (npm). Connects to a URL again and again, returns messages, and ends when it is refused.
const WebSocket = require('ws');

function run() {
  const ws = new WebSocket(process.argv[2], { perMessageDeflate: true });
  let refused = false;
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  // A violation ends the connection; the next one follows.
  ws.on('error', (error) => { refused = error.code === 'ECONNREFUSED'; });
  ws.on('close', () => { if (!refused) run(); });
}
run();
