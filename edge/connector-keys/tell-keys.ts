// Telling the functions which keys a connector has: as a note that the edge signs, since they keep it where more than the edge can
// write (docs/adr/0064). Whoever is not told now is told by the next link of that connector, or by the directory's next look.

import { type ConnectorKeys, keysText } from '../../core/connectors/connector-keys.ts';
import type { ConnectorId } from '../../core/ids.ts';
import { showNote, signNote } from '../../core/tlog/note.ts';
import { signedArchiveFetch } from '../archive-fetch.ts';
import { logSigner } from '../authority/log-signer.ts';
import type { ConnectorKeysPort } from '../ports/connector-keys.ts';
import type { EdgeSettings } from '../settings.ts';

const ANSWER_WITHIN_MS = 10_000;

/** false: they did not take it. */
export type PutKeys = (keys: ConnectorKeys) => Promise<boolean>;

export function createPutKeys(settings: EdgeSettings): PutKeys {
  const { FUNCTIONS_URL, EDGE_SECRET, PUBLIC_URL } = settings;
  const fetcher = signedArchiveFetch(settings);
  return async (keys) => {
    const { key, sign } = await logSigner(EDGE_SECRET, PUBLIC_URL);
    const text = keysText(keys);
    const note = showNote({ text, signatures: [await signNote(text, key, sign)] });
    try {
      const request = new Request(`${FUNCTIONS_URL}/connectors/${keys.connector}/keys`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ note }),
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        redirect: 'manual',
      });
      const response = await fetcher(request);
      await response.body?.cancel();
      if (response.ok) return true;
      console.error(`the functions answered ${response.status} to the keys of ${keys.connector}`);
    } catch (error) {
      console.error(`the functions did not take keys: ${error instanceof Error ? error.name : 'unknown'}`);
    }
    return false;
  };
}

interface TellDeps {
  readonly directory: Pick<ConnectorKeysPort, 'keysOfConnector' | 'keysTold'>;
  readonly putKeys: PutKeys;
}

export async function tellKeys({ directory, putKeys }: TellDeps, id: ConnectorId): Promise<boolean> {
  const keys = await directory.keysOfConnector(id);
  const told = keys !== undefined && (await putKeys(keys));
  if (told) await directory.keysTold(id, keys.version);
  return told;
}

const AT_ONCE = 20;

/** Where the functions lost what they knew. Whom they do not take now, they take later. */
export async function tellAllKeys(
  deps: TellDeps & { readonly directory: Pick<ConnectorKeysPort, 'forgetKeysTold' | 'untoldKeys'> },
): Promise<void> {
  await deps.directory.forgetKeysTold();
  for (;;) {
    const untold = await deps.directory.untoldKeys(AT_ONCE);
    const told = await Promise.all(untold.map((id) => tellKeys(deps, id)));
    if (untold.length < AT_ONCE || told.includes(false)) return;
  }
}
