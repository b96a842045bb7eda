// What `npm start` runs. Plain JavaScript, since an old Node cannot even read the rest: it should
// say so in one line. (`npm ci` on Linux x64 brings a Node of its own; npm puts it first.)

import * as nodeModule from 'node:module';
import { join } from 'node:path';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`gatehouse: Node ${process.versions.node} is too old: install Node 24 (or at least 22.18)`);
  process.exit(1);
}
// What is compiled once is kept for the next start, and for the processes that this one begins: beside the code itself,
// where whoever may write may change that too.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '../../node_modules/.cache/gatehouse/compiled');
nodeModule.enableCompileCache(process.env.NODE_COMPILE_CACHE);
// The warning that an old minor version prints for reading TypeScript is nobody's concern here.
process.removeAllListeners('warning');
await import('./main.ts');
