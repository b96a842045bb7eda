// What `npm run connector` runs. Plain JavaScript, since an old Node cannot even read the rest: it should say so in one
// line. (On Linux x64 `npm ci` brings a Node of its own, and npm puts it first.)

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `gatehouse connector: Node ${process.versions.node} is too old: install Node 24 (or at least 22.18), or on Linux x64 start it with npm run connector --`,
  );
  process.exit(2);
}
// npm runs this in the package's folder; paths are meant from where npm was called.
const { npm_lifecycle_event: script, INIT_CWD: calledFrom } = process.env;
if (script === 'connector' && calledFrom) process.chdir(calledFrom);
await import('./main.ts');
