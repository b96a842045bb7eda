// Loaded before a program that knows nothing of `npm start` (node --import): stops it as an operator
// would when whoever started it is gone, even by kill -9.

const KILL_AFTER_MS = 15_000;

process.on('disconnect', () => {
  setTimeout(() => process.exit(1), KILL_AFTER_MS).unref();
  process.kill(process.pid, 'SIGTERM');
});
// A listener keeps the channel, and with it the process, alive; the program decides that.
process.channel?.unref();
