// `npm run bench -- NAME [--rounds N] [--seconds N]`: benchmarks, which print figures and judge nothing.

import { parseArgs } from 'node:util';
import { benchEdge } from './edge/edge.ts';
import { benchHostile } from './hostile.ts';
import { benchMysql } from './mysql.ts';
import { benchPolicy } from './policy.ts';
import { benchPostgres } from './postgres.ts';
import { benchReindex } from './reindex.ts';
import { benchReplay } from './replay.ts';
import { benchSearch } from './search.ts';
import { benchSealing } from './sealing.ts';
import { benchSsh } from './ssh.ts';
import { benchTunnel } from './tunnel/tunnel.ts';

const BENCHMARKS: Readonly<Record<string, (options: { rounds: number; seconds: number }) => Promise<void>>> = {
  postgres: benchPostgres,
  mysql: benchMysql,
  policy: benchPolicy,
  sealing: benchSealing,
  hostile: benchHostile,
  ssh: benchSsh,
  search: benchSearch,
  replay: benchReplay,
  reindex: benchReindex,
  tunnel: benchTunnel,
  edge: benchEdge,
};

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '4' } },
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const usage = `usage: npm run bench -- ${Object.keys(BENCHMARKS).join('|')} [--rounds N] [--seconds N]`;
const parsed = readArguments();
const bench = typeof parsed === 'string' ? undefined : BENCHMARKS[parsed.positionals[0] ?? ''];
if (typeof parsed === 'string' || !bench) {
  console.error(typeof parsed === 'string' ? `${parsed}\n${usage}` : usage);
  process.exit(2);
}
await bench({ rounds: Number(parsed.values.rounds), seconds: Number(parsed.values.seconds) });
