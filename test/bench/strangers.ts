// Strangers in a process of their own: `node strangers.ts PORT RATE one|many`. Opens RATE connections a second, of which
// some are silent and some talk nonsense, and closes none, from one loopback address or from many. Ends with its
// standard input, and prints how many a second it opened.

import { connect } from 'node:net';

const [port, rate, from] = process.argv.slice(2);
const NONSENSE = [undefined, 'GET / HTTP/1.1\r\n\r\n', '\u0000\u0000\u0000\u0008', '\u0016\u0003\u0001'];
const TICK_MS = 5;

const addressOf = (count: number): string =>
  from === 'many' ? `127.0.${1 + (Math.floor(count / 100) % 100)}.${1 + (count % 100)}` : '127.0.0.1';

const startedMs = performance.now();
const elapsed = () => (performance.now() - startedMs) / 1000;
let opened = 0;
setInterval(() => {
  for (const due = elapsed() * Number(rate); opened < due; opened++) {
    const said = NONSENSE[opened % NONSENSE.length];
    const socket = connect({ host: '127.0.0.1', port: Number(port), localAddress: addressOf(opened) });
    socket.on('error', () => {});
    socket.resume();
    if (said !== undefined) socket.write(said, 'latin1');
  }
}, TICK_MS);
process.stdin.resume().on('end', () => {
  console.log((opened / elapsed()).toFixed(0));
  process.exit(0);
});
