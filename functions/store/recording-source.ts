// A stored session as core's verifier reads it.

import type { ConnectorId, SessionId } from '../../core/ids.ts';
import type { RecordingSource } from '../../core/recording/recording-source.ts';
import { parseRecordingKey, type RecordingKey } from '../../core/recording/segment.ts';
import type { RecordingReader } from './recording-reader.ts';

/** undefined for a name that no recording has. */
export const keyOfName = (connector: ConnectorId, session: SessionId, name: string): RecordingKey | undefined =>
  parseRecordingKey(`recordings/${connector}/${session}/${name}`);

export function recordingSource(reader: RecordingReader, connector: ConnectorId, session: SessionId): RecordingSource {
  return {
    async list() {
      const names: string[] = [];
      let after: string | undefined;
      do {
        const page = await reader.list(connector, session, after);
        for (const { name } of page.objects) names.push(name);
        after = page.after;
      } while (after !== undefined);
      return names;
    },
    async read(name) {
      const key = keyOfName(connector, session, name);
      const bytes = key && (await reader.get(key));
      // Nothing sound is that large: an empty object is as damaged, and costs nothing.
      return bytes === 'too_large' ? new Uint8Array(0) : bytes;
    },
  };
}
