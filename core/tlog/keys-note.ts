// Connectors' keys (connectors/connector-keys.ts) as a note that the edge signed.

import { ConnectorKeys, KEYS_TITLE, keysText } from '../connectors/connector-keys.ts';
import type { ConnectorId } from '../ids.ts';
import { err, ok, type Result } from '../result.ts';
import { parseNote, parseNoteKey, whoSigned } from './note.ts';

/** Refused unless `edgeKey` (`NAME+ID+KEY`) signed it, and it is of this connector. */
export async function readKeysNote(
  text: string,
  connector: ConnectorId,
  edgeKey: string,
): Promise<Result<ConnectorKeys, string>> {
  const note = parseNote(text);
  if (!note.ok) return err('it is no signed note');
  const key = await parseNoteKey(edgeKey);
  if (!key.ok) return err('the key of the edge is none');
  const signed = await whoSigned(note.value, [key.value]);
  if (!signed.ok || signed.value.length === 0) return err('the edge did not sign it');
  const [title, id, version, revoked, ...lines] = note.value.text.split('\n').slice(0, -1);
  if (title !== KEYS_TITLE) return err('it is a note of another kind');
  const parsed = ConnectorKeys.safeParse({
    connector: id,
    version: Number(version),
    ...(revoked !== '-' && { revoked }),
    keys: lines.map((line) => {
      const [publicKey, from, replaced, ...more] = line.split(' ');
      return more.length > 0 ? undefined : { key: publicKey, from, ...(replaced !== '-' && { replaced }) };
    }),
  });
  if (!parsed.success || keysText(parsed.data) !== note.value.text) return err('it is not written as keys are');
  return parsed.data.connector === connector ? ok(parsed.data) : err('it is of another connector');
}
