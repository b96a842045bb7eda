// What a protocol's folder does with streams: it has lanes and a relay to move bytes, and net/dial.ts to reach a target.

import { describe, expect, it } from 'vitest';
import { sourceFiles } from './tree.ts';

/** Modules whose values make connections or programs, with those that do not. Types are anybody's. */
const MAKERS: Readonly<Record<string, readonly string[]>> = {
  net: ['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress'],
  // What net/ made, told apart by its class.
  tls: ['TLSSocket'],
  http: ['STATUS_CODES', 'METHODS', 'validateHeaderName', 'validateHeaderValue'],
  https: [],
  http2: ['constants'],
  dgram: [],
  child_process: [],
  'stream/promises': [],
};
const IMPORT = /^import\s+(?!type\s)([^;]*?)\s+from\s+'(?:node:)?([\w/]+)'/gm;
const WHOLE = /(?:\bimport|\brequire|getBuiltinModule)\(\s*'(?:node:)?([\w/]+)'|^import\s+'(?:node:)?([\w/]+)'/gm;
/** `new TLSSocket` is a handshake of its own: net/tls-server.ts and dial.ts make those. */
const CALL = /\.pipe\(|\b(?:pipeline|compose)\(|\b(?:net|tls)\.connect\(|\bcreateConnection\(|\bnew (?:TLS)?Socket\(/;
const WRITE = /recorder\.|\.bytes\(|(?:socket|upstream|client|target)\.(?:write|end)\([^)]/;

/** Values of such modules that a file imports. */
function madeElsewhere(text: string): string[] {
  const named = [...text.matchAll(IMPORT)].flatMap(([, names = '', module = '']) => {
    const harmless = MAKERS[module];
    if (!harmless) return [];
    const whole = !names.startsWith('{');
    const values = names
      .replace(/[{}]/g, '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type '))
      .map((name) => name.split(' as ')[0] as string);
    return values.filter((name) => whole || !harmless.includes(name)).map((name) => `${module}: ${name}`);
  });
  const whole = [...text.matchAll(WHOLE)].flatMap(([, called, bare]) => {
    const module = called ?? bare ?? '';
    return module in MAKERS ? [`${module}: *`] : [];
  });
  return [...named, ...whole];
}

const linesWith = (pattern: RegExp, text: string): string[] =>
  text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${index + 1}: ${line.trim()}`] : []));

const protocols = sourceFiles().filter(
  ({ path }) => path.startsWith('connector/protocols/') && !/\.test\.ts$/.test(path),
);
/** Connections of the gateway's own (the catalogue, an estimate) are no session's. */
const past = protocols.filter(({ path }) => !/\/(login|catalogue)\/|\/estimate\.ts$/.test(path));

describe('the reader of this test', () => {
  it.each([
    ["import { connect } from 'node:net';", 'net: connect'],
    ["import { type Socket, createConnection as dial } from 'net';", 'net: createConnection'],
    ["import {\n  isIP,\n  Socket,\n} from 'node:net';", 'net: Socket'],
    ["import * as tls from 'node:tls';", 'tls: * as tls'.split(' as ')[0]],
    ["import net from 'node:net';", 'net: net'],
    ["import { spawn } from 'node:child_process';", 'child_process: spawn'],
    ["import { pipeline } from 'node:stream/promises';", 'stream/promises: pipeline'],
    ["const net = await import('node:net');", 'net: *'],
    ["const net = process.getBuiltinModule('node:net');", 'net: *'],
  ])('finds %j', (text, found) => {
    expect(madeElsewhere(text)).toEqual([found]);
  });

  it.each([
    "import type { Socket } from 'node:net';",
    "import { isIP, type Socket } from 'node:net';",
    "import { TLSSocket } from 'node:tls';",
    "import { Duplex } from 'node:stream';",
    "import { connect } from '../../net/dial.ts';",
  ])('lets %j be', (text) => {
    expect(madeElsewhere(text)).toEqual([]);
  });

  it('finds what moves bytes past a lane', () => {
    const calls = ['client.pipe(target)', 'pipeline(a, b)', 'net.connect(1)', 'tls.connect({})', 'createConnection(1)'];
    expect(calls.filter((call) => !CALL.test(call))).toEqual([]);
    expect(['new TLSSocket(raw)', 'new Socket()'].filter((call) => !CALL.test(call))).toEqual([]);
    expect(['target.write(bytes)', 'client.end(bytes)'].filter((call) => !WRITE.test(call))).toEqual([]);
    expect(
      ['this.#pipeline.take()', 'connectTo(x)', 'client.end()'].filter((it) => CALL.test(it) || WRITE.test(it)),
    ).toEqual([]);
  });
});

describe('a protocol', () => {
  it('makes no connection and starts no program: a target is reached by net/dial.ts, for a session', () => {
    expect(
      protocols.flatMap(({ path, text }) => madeElsewhere(text).map((found) => `${path} imports ${found}`)),
    ).toEqual([]);
  });

  it('joins no streams, also in its login', () => {
    expect(protocols.flatMap(({ path, text }) => linesWith(CALL, text).map((line) => `${path}:${line}`))).toEqual([]);
  });

  // `stream.write` of the start-up answer stands in a protocol's index, in front of its session.
  it('past its login neither writes to the log nor to a stream: it has lanes for that', () => {
    expect(past.flatMap(({ path, text }) => linesWith(WRITE, text).map((line) => `${path}:${line}`))).toEqual([]);
  });
});
