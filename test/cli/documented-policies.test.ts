// Policies, their schema and what the program prints of them, as the documentation shows them.

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadModule, parseSync } from 'libpg-query';
import { expect, it } from 'vitest';
import { tryCases } from '../../core/policy/explain/try-cases.ts';
import { describeMistake, parsePolicy } from '../../core/policy/parse.ts';
import { mysqlReader, postgresReader } from '../../core/sql/reader.ts';
import { BARE_ENV } from '../harness/child-env.ts';
import { command, finish } from './run-cli.ts';

const ROOT = resolve(import.meta.dirname, '../..');

it('schema prints the schema that is in docs', async () => {
  const { stdout } = await command(['policy', 'schema']);
  const kept = await readFile(join(ROOT, 'docs/policy.schema.json'), 'utf8');
  expect(JSON.parse(stdout)).toEqual(JSON.parse(kept));
});

it('every policy in the documentation is one, and its tests hold', async () => {
  const readers = { postgres: postgresReader(parseSync), mysql: mysqlReader };
  await loadModule();
  const { stdout } = await finish(spawn('git', ['ls-files', '*.md', 'docs/examples'], { cwd: ROOT }));
  const found: string[] = [];
  for (const path of stdout.trim().split('\n')) {
    const text = await readFile(join(ROOT, path), 'utf8');
    const blocks = path.endsWith('.yaml')
      ? [text]
      : [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, block = '']) => block);
    for (const block of blocks.filter((each) => /^rules:/m.test(each))) {
      const parsed = parsePolicy(block);
      expect([path, parsed.ok ? [] : parsed.error.map(describeMistake)]).toEqual([path, []]);
      const tried = parsed.ok ? tryCases(parsed.value, readers) : [];
      expect([path, tried.flatMap(({ differences }) => differences)]).toEqual([path, []]);
      found.push(path);
    }
  }
  expect(new Set(found)).toEqual(
    new Set([...found, 'README.md', 'docs/policy.md', 'docs/masking.md', 'docs/examples/policy.yaml']),
  );
});

it('what the documentation shows of it is what it prints', async () => {
  const read = (path: string) => readFile(join(ROOT, path), 'utf8');
  const [readme, told] = [await read('README.md'), await read('docs/policy.md')];
  const shown = /```yaml\n(.*?)```/s.exec(readme)?.[1] ?? 'none';
  expect(await read('docs/examples/policy.yaml')).toContain(shown);
  const indented = (text: string) => text.trimEnd().replace(/^(?=.)/gm, '    ');
  const line = /^ {4}\$ gatehouse (policy explain .*?)\n {4}alice/ms.exec(told)?.[1]?.replace(/\\\n\s*/, '') ?? '';
  const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const explained = await finish(
    spawn(process.execPath, [join(ROOT, 'cli/main.ts'), ...args], { cwd: ROOT, env: BARE_ENV }),
  );
  expect(told).toContain(indented(explained.stdout));
  const policyOfTests =
    [...told.matchAll(/^```yaml\n(.*?)^```/gms)].find(([, text]) => text?.includes('tests:'))?.[1] ?? '';
  const dir = await mkdtemp(join(tmpdir(), 'gatehouse-policy-'));
  const path = join(dir, 'policy.yaml');
  await writeFile(path, policyOfTests.replace('verdict: block', 'verdict: warn'));
  const failing = await command(['policy', 'test', '--file', path]);
  await rm(dir, { recursive: true });
  expect(told).toContain(indented(failing.stdout));
});
