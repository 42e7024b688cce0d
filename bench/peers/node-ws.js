// The npm package ws as a peer: an echo of WebSocket messages over TLS, and a short answer to GET.
// Words: PORT CERTIFICATE KEY DHPARAM; the package is found by NODE_PATH.
'use strict';
const fs = require('fs');
const https = require('https');
const { WebSocketServer } = require('ws');

const [port, certificate, key, dhparam] = process.argv.slice(2);
const server = https.createServer(
  {
    cert: fs.readFileSync(certificate),
    key: fs.readFileSync(key),
    dhparam: fs.readFileSync(dhparam),
    ciphers: 'ECDHE+AESGCM:DHE+AESGCM',
    sessionTimeout: 300,
  },
  (request, answer) => answer.end('ws\n'),
);
server.keepAliveTimeout = 0;
server.requestTimeout = 0;
const sockets = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 4 * 1024 * 1024 });
sockets.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('error', () => socket.terminate());
});
server.listen(Number(port), '127.0.0.1', 65535);
