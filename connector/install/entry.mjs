// Where the bundled connector begins: the same file is the process and each of its threads (bundle.ts).

const thread = globalThis[Symbol.for('gatehouse.thread')];
if (thread === undefined) await import('../start.mjs');
else if (thread === 'archiver-worker') await import('../recording/archive/archiver-worker.ts');
else if (thread === 'large-text-worker') await import('../protocols/postgres/rules/large-text-worker.ts');
else throw new Error(`no thread is called ${thread}`);
