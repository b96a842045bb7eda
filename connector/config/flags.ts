// What the command line and the environment say, before `connector.yaml` is read. A flag wins over
// its variable, and both win over the file.

import { parseArgs } from 'node:util';
import { PROTOCOLS, ProtocolName } from '../../core/protocols.ts';
import { err, ok, type Result } from '../../core/result.ts';

type ListenerFlag = `${'listen' | 'advertise'}-${ProtocolName}`;
const LISTENERS = Object.fromEntries(
  ProtocolName.options.flatMap((name) => {
    const variable = name.toUpperCase();
    return [
      [
        `listen-${name}`,
        {
          variable: `GATEHOUSE_LISTEN_${variable}`,
          help: `HOST:PORT   ${PROTOCOLS[name].title} listener (--advertise-${name}: where clients reach it)`,
        },
      ],
      [`advertise-${name}`, { variable: `GATEHOUSE_ADVERTISE_${variable}`, help: '' }],
    ];
  }),
) as Readonly<Record<ListenerFlag, { readonly variable: string; readonly help: string }>>;

/** Flag, its variable, and what help says; nothing where another's row does. Every one takes a value. */
const SETTINGS = {
  config: { variable: 'GATEHOUSE_CONFIG', help: 'FILE   connector.yaml: at least its resources' },
  name: { variable: 'GATEHOUSE_NAME', help: "NAME   this connector's name at the edge" },
  edge: { variable: 'GATEHOUSE_EDGE', help: 'URL    the edge' },
  site: { variable: 'GATEHOUSE_SITE', help: '' },
  'join-token-env': {
    variable: 'GATEHOUSE_JOIN_TOKEN_ENV',
    help: 'NAME   variable that holds the one-time join token',
  },
  'join-iam': { variable: 'GATEHOUSE_JOIN_IAM', help: 'REGION   join by the AWS identity that it runs as' },
  'join-token-file': { variable: 'GATEHOUSE_JOIN_TOKEN_FILE', help: 'PATH   file that holds the one-time join token' },
  state: { variable: 'GATEHOUSE_STATE', help: 'PATH   directory for key, certificate and write-ahead log' },
  'store-directory': { variable: 'GATEHOUSE_STORE_DIRECTORY', help: 'PATH   recordings into a directory' },
  'store-bucket': { variable: 'GATEHOUSE_STORE_BUCKET', help: 'NAME   recordings into an S3 bucket' },
  'store-region': { variable: 'GATEHOUSE_STORE_REGION', help: "NAME   the bucket's region" },
  'store-endpoint': { variable: 'GATEHOUSE_STORE_ENDPOINT', help: 'URL    an S3 store that is not AWS' },
  'store-lock': { variable: 'GATEHOUSE_STORE_LOCK', help: 'MODE   COMPLIANCE or GOVERNANCE' },
  'events-url': {
    variable: 'GATEHOUSE_EVENTS_URL',
    help: 'URL    who is told of new objects, where the store tells nobody',
  },
  ...LISTENERS,
  health: { variable: 'GATEHOUSE_HEALTH', help: 'HOST:PORT   plain HTTP GET /livez and /readyz' },
  'drain-seconds': { variable: 'GATEHOUSE_DRAIN_SECONDS', help: '' },
  'log-level': { variable: 'GATEHOUSE_LOG_LEVEL', help: 'debug, info, warn or error' },
};
export type SettingName = keyof typeof SETTINGS;
const NAMES = Object.keys(SETTINGS) as SettingName[];

export interface Flags {
  readonly check: boolean;
  readonly help: boolean;
  /** Given by flag or variable; empty ones count as not given. */
  readonly given: Readonly<Partial<Record<SettingName, string>>>;
  /** How the person gave it, for messages: `--edge` or `GATEHOUSE_EDGE`. */
  nameOf(setting: SettingName): string;
}

export function readFlags(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Result<Flags, string> {
  const options: Record<string, { type: 'string' | 'boolean' }> = {
    check: { type: 'boolean' },
    help: { type: 'boolean' },
  };
  for (const name of NAMES) options[name] = { type: 'string' };
  let values: Record<string, unknown>;
  try {
    values = parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const first = error instanceof Error ? error.message.split(/[.\n]/)[0] : 'these flags are not understood';
    return err(`${first}: see --help`);
  }
  const given: Partial<Record<SettingName, string>> = {};
  for (const name of NAMES) {
    const value = values[name] ?? environment[SETTINGS[name].variable];
    if (typeof value === 'string' && value !== '') given[name] = value;
  }
  return ok({
    check: values.check === true,
    help: values.help === true,
    given,
    nameOf: (name) => (values[name] === undefined ? SETTINGS[name].variable : `--${name}`),
  });
}

export function helpText(): string {
  const rows = NAMES.flatMap((name) =>
    SETTINGS[name].help === '' ? [] : [`  --${name.padEnd(20)}${SETTINGS[name].help}`],
  );
  return [
    'npm run connector -- --config FILE [flags]     the fields of FILE: docs/connector.md',
    '',
    ...rows,
    `  --${'check'.padEnd(20)}read all that the configuration names, try each target, say what is wrong, stop`,
    '',
    'Each flag can be given as a variable: --log-level is GATEHOUSE_LOG_LEVEL.',
    '',
  ].join('\n');
}
