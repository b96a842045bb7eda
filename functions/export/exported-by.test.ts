// What an export is made by, against what each format makes of each option: a file that comes out otherwise is another export.

import { expect, it } from 'vitest';
import { ExportFormat, exportedBy, type ExportQuery } from '../../core/replay/exports.ts';
import { entryOf, exportedBytes } from '../../test/harness/session/exported.ts';
import { answer, RecordingBuilder } from '../../test/harness/recording-builder.ts';

const VALUES: Readonly<Record<Exclude<keyof ExportQuery, 'format' | 'part'>, Partial<ExportQuery>>> = {
  asciicast: { asciicast: 3 },
  lane: { lane: 2 },
  statement: { statement: 2 },
  through: { through: 1 },
  exact: { exact: 'true' },
  all: { all: 'true' },
  file: { file: '/tmp/a' },
};

const statements = new RecordingBuilder()
  .query("select '=1+1'", answer(['n'], [['=1+1']]))
  .query('select 2', answer(['n'], [['=2']]))
  .query("SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_'", answer(['n'], [['public']]))
  .end();
const terminal = new RecordingBuilder({ protocol: 'ssh' });
for (const lane of [1, 2])
  terminal
    .fact({ kind: 'lane.opened', lane, of: 'shell', label: 'shell' }, lane)
    .fact({ kind: 'terminal.resized', columns: 80, rows: 24 }, lane)
    .bytes('target', Buffer.from(`lane ${lane}\r\n`), lane);
terminal.end();

it('an export is by every option that makes its file another, and by no other', async () => {
  const changing = new Set<string>();
  for (const builder of [statements, terminal])
    for (const format of ExportFormat.options)
      for (const [option, value] of Object.entries(VALUES)) {
        const made = async (query: ExportQuery) =>
          exportedBytes(builder, query, entryOf(builder.opened)).then(
            (bytes) => bytes.toString('latin1'),
            (refused: Error) => refused.message,
          );
        if ((await made({ format })) !== (await made({ format, ...value }))) changing.add(`${format} ${option}`);
      }
  const told = ExportFormat.options.flatMap((format) =>
    Object.entries(VALUES).flatMap(([option, value]) =>
      option in exportedBy({ format, ...value, part: 3 }) ? [`${format} ${option}`] : [],
    ),
  );
  expect(told.sort()).toEqual([...changing].sort());
  expect(exportedBy({ format: 'text', part: 3 })).toEqual({ format: 'text' });
});
