// The measure that live events are held against: socket.io with the rooms, the tokens and the messages of Domicile's own
// socket. A client signs in with a token and a hostel and joins the hostel's room; POST /trigger sends its body there.
// Only for `just bench`; nothing of it ships.
'use strict';

const http = require('node:http');
const jsonwebtoken = require('jsonwebtoken');
const { Server } = require('socket.io');

const secret = process.env.BENCH_SECRET;

const server = http.createServer((request, response) => {
  if (request.method !== 'POST' || request.url !== '/trigger') {
    response.writeHead(404).end();
    return;
  }
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const event = JSON.parse(Buffer.concat(parts).toString('utf8'));
    io.to(`hostel:${event.hostel_id}`).emit(event.type, event);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 2 }).end('{}');
  });
});

const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });

io.use((socket, next) => {
  const { token, hostel_id: hostel } = socket.handshake.auth;
  try {
    const claims = jsonwebtoken.verify(token, secret, { algorithms: ['HS256'], issuer: 'domicile', audience: 'domicile' });
    socket.data.user = claims.sub;
    socket.data.hostel = hostel;
    next();
  } catch (error) {
    next(new Error('unauthorized'));
  }
});

io.on('connection', (socket) => {
  socket.join(`hostel:${socket.data.hostel}`);
  socket.join(`user:${socket.data.user}`);
});

server.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
