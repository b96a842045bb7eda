// How the connector is run here: the program that runs in production, with flags that say where
// everything of this environment is, over whatever its connector.yaml says.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ProtocolName } from '../../core/protocols.ts';
import { Failure } from '../failure.ts';
import type { ArchiveSettings } from './data/archive-settings.ts';
import type { DevSecrets } from './data/secrets.ts';

export interface ConnectorProgram {
  readonly path: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

interface ConnectorPlace {
  /** connector.yaml */
  readonly file: string;
  readonly edge: string;
  readonly state: string;
  readonly objects: string;
  readonly archive: ArchiveSettings;
  readonly functionsUrl: string;
  /** Where each protocol is listened for, and reached. */
  readonly listeners: readonly {
    readonly protocol: ProtocolName;
    readonly listen: string;
    readonly advertise: string;
  }[];
  readonly secrets: Pick<DevSecrets, 'joinToken' | 'functions'>;
}

export function connectorProgram(place: ConnectorPlace): ConnectorProgram {
  const flags: Readonly<Record<string, string>> = {
    config: place.file,
    name: 'local',
    edge: place.edge,
    'join-token-env': 'GATEHOUSE_JOIN_TOKEN',
    state: place.state,
    ...storeFlags(place),
    'events-url': place.functionsUrl,
    // Whoever stops all of it here waits for nobody's session.
    'drain-seconds': '0',
    ...Object.fromEntries(
      place.listeners.flatMap(({ protocol, listen, advertise }) => [
        [`listen-${protocol}`, listen],
        [`advertise-${protocol}`, advertise],
      ]),
    ),
  };
  return {
    path: fileURLToPath(new URL('../../connector/main.ts', import.meta.url)),
    args: Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
    env: { GATEHOUSE_JOIN_TOKEN: place.secrets.joinToken, GATEHOUSE_EVENTS_TOKEN: place.secrets.functions },
  };
}

/** Keys are in its environment, as AWS's own tools read them. */
function storeFlags({ archive, objects }: ConnectorPlace): Readonly<Record<string, string>> {
  if (archive.kind === 'directory') return { 'store-directory': objects };
  const { bucket, region, endpoint } = archive.place;
  return {
    ...{ 'store-bucket': bucket, 'store-region': region, 'store-lock': archive.lock.mode },
    ...(endpoint !== undefined && { 'store-endpoint': endpoint }),
  };
}

const OURS = 'gatehouse connector: ';
/** Of `--check`: what the settings name is not there, or a target does not let the connector in. */
const SOMETHING_AWAY = 1;

/**
 * Somebody's own connector.yaml is tried before anything is started; what is wrong with it is said in the connector's words.
 * Settings that are wrong end the start. A target that is away just now does not: those faults are the answer.
 */
export async function checkConnectorFile({ path, args, env }: ConnectorProgram): Promise<readonly string[]> {
  const check = spawn(process.execPath, [path, ...args, '--check'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  check.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk;
  });
  const [code] = await once(check, 'close');
  if (code === 0) return [];
  const lines = said.split('\n').filter((line) => line.startsWith(OURS));
  const faults = lines.map((line) => `--connector: ${line.slice(OURS.length)}`);
  if (code === SOMETHING_AWAY && faults.length > 0) return faults;
  throw new Failure(2, 'connector_file', faults.join('\n') || `--connector: refused (${code})`);
}
