// The flags of `npm start`.

import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { usage } from '../failure.ts';
import { DEFAULT_DATA_DIR } from '../settings.ts';

export const DEFAULT_PORT_BASE = 8440;
/** The highest port is the base + 20. */
const HIGHEST_PORT_BASE = 65_535 - 20;

/** Of `--with`. */
export type DemoTarget = 'mysql' | 'ssh';
const DEMO_TARGETS: readonly DemoTarget[] = ['mysql', 'ssh'];

export interface StartOptions {
  /** undefined: the data folder's, or the default. */
  readonly portBase: number | undefined;
  /** Absolute. */
  readonly data: string;
  /** As it was given, for messages. */
  readonly dataShown: string;
  readonly fresh: boolean;
  /** Absolute path of a connector.yaml; undefined: the demo targets. */
  readonly connector: string | undefined;
  /** Demo targets beside the database. */
  readonly with: ReadonlySet<DemoTarget>;
  /** Absolute path of a policy; undefined: the demo's. */
  readonly policy: string | undefined;
}

export const START_HELP = `npm start -- [options]    all of Gatehouse on this machine, with demo data
  --port-base N      first of the ports, N to N+20 (default ${DEFAULT_PORT_BASE})
  --data DIR         where everything is kept (default ${DEFAULT_DATA_DIR})
  --fresh            drop what DIR holds from earlier starts
  --connector FILE   a connector.yaml of your own instead of the demo's
  --with mysql,ssh   more demo targets, one or both: a MariaDB, where its server
                     is installed, and an SSH host, whose shell is yours for
                     everybody on this machine: demo people have no passwords
  --policy FILE      a policy of your own instead of the demo's
  --help             this
ARCHIVE=s3 keeps the archive in a bucket: docs/deploy.md
`;

/** 'help' when it was asked for; throws a usage Failure that names the flag. */
export function readStartOptions(args: readonly string[], workingDirectory: string): StartOptions | 'help' {
  let values: {
    'port-base'?: string;
    data?: string;
    fresh?: boolean;
    connector?: string;
    policy?: string;
    with?: string[];
    help?: boolean;
  };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        'port-base': { type: 'string' },
        data: { type: 'string' },
        fresh: { type: 'boolean' },
        connector: { type: 'string' },
        policy: { type: 'string' },
        with: { type: 'string', multiple: true },
        help: { type: 'boolean', short: 'h' },
      },
      allowPositionals: false,
    }));
  } catch (error) {
    throw usage(error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? error.message) : String(error));
  }
  if (values.help) return 'help';
  const base = values['port-base'];
  const portBase = base === undefined ? undefined : /^\d{1,5}$/.test(base) ? Number(base) : Number.NaN;
  if (portBase !== undefined && !(portBase >= 1 && portBase <= HIGHEST_PORT_BASE)) {
    throw usage(`--port-base ${base}: expected a port from 1 to ${HIGHEST_PORT_BASE}`);
  }
  const targets = values.with?.flatMap((names) => names.split(',')) ?? [];
  const unknown = targets.find((name) => !DEMO_TARGETS.some((target) => target === name));
  if (unknown !== undefined) throw usage(`--with ${unknown}: expected ${DEMO_TARGETS.join(' or ')}`);
  if (targets.length > 0 && values.connector !== undefined)
    throw usage('--with: the demo has no targets beside a --connector FILE of your own');
  const dataShown = values.data ?? DEFAULT_DATA_DIR;
  if (dataShown === '') throw usage('--data: expected a folder');
  const path = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : resolve(workingDirectory, text);
  return {
    portBase,
    data: resolve(workingDirectory, dataShown),
    dataShown,
    fresh: values.fresh === true,
    connector: path(values.connector),
    policy: path(values.policy),
    with: new Set(targets as DemoTarget[]),
  };
}
