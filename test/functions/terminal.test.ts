// A session of terminals from stored objects to what people ask the functions for: listed, found by its commands,
// replayed in parts, exported, and played by asciinema itself.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ActionPage, SessionPage } from '../../core/catalogue.ts';
import { TerminalEvent } from '../../core/replay/terminal.ts';
import { secret } from '../../core/secret.ts';
import { startFunctions, startLocalDynamoDb } from '../../functions/local.ts';
import { launchBrowser } from '../portal/browser.ts';
import { findClient } from '../harness/postgres/postgres.ts';
import { eventOf, RecordingBuilder } from '../harness/recording-builder.ts';

const PLAYER = 'asciinema-player/dist/bundle/asciinema-player.min.js';

const TOKEN = 'a token of the test';
const utf8 = (text: string) => new TextEncoder().encode(text);
const builder = new RecordingBuilder({ protocol: 'ssh' })
  .fact({ kind: 'lane.opened', lane: 1, of: 'shell', label: 'shell' }, 1)
  .fact({ kind: 'terminal.resized', columns: 80, rows: 24 }, 1)
  .fact({ kind: 'command.started', action: 1, form: 'shell', command: '' }, 1)
  .wait(1000)
  .bytes('target', utf8('$ ls\r\nreadme 漢字\r\n'), 1)
  .cut()
  .fact({ kind: 'lane.opened', lane: 2, of: 'exec', label: 'exec: uname -a' }, 2)
  .fact({ kind: 'command.started', action: 2, form: 'exec', command: 'uname -a' }, 2)
  .bytes('target', utf8('Linux\n'), 2)
  .fact({ kind: 'command.finished', action: 2, exit: 0, durationUs: 1000 }, 2)
  .fact({ kind: 'action.refused', action: 3, reason: 'blocked', message: 'Blocked by rule x.', rule: 'x' }, 1)
  .wait(1000)
  .bytes('target', utf8('\u001b[1mbye\u001b[0m\r\n'), 1)
  .fact({ kind: 'command.finished', action: 1, signal: 'HUP', durationUs: 3000 }, 1)
  .end();

let directory: string;
let url: string;
const closing: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-terminal-'));
  const objectsDirectory = join(directory, 'objects');
  await builder.writeTo(objectsDirectory);
  const database = await startLocalDynamoDb({ path: join(directory, 'dynamodb') });
  const functions = await startFunctions({
    port: 0,
    objectsDirectory,
    dynamoEndpoint: database.endpoint,
    token: secret(TOKEN),
    report: (event) => expect(event.kind, JSON.stringify(event)).not.toMatch(/failed|broken|refused/),
  });
  closing.push(
    () => functions.close(),
    () => database.close(),
  );
  url = functions.url;
  for (const key of builder.objects.keys()) {
    const body = JSON.stringify(eventOf(key));
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
    expect((await fetch(`${url}/events`, { method: 'POST', headers, body })).status).toBe(204);
  }
});
afterAll(async () => {
  for (const close of closing) await close();
  await rm(directory, { recursive: true, force: true });
});

const call = (path: string) => fetch(url + path, { headers: { authorization: `Bearer ${TOKEN}` } });
const text = async (path: string) => (await call(path)).text();
const eventsOf = async (query: string) =>
  (await text(`/sessions/${builder.session}/replay${query}`))
    .trimEnd()
    .split('\n')
    .map((line) => TerminalEvent.parse(JSON.parse(line)));
const exported = (query: string) => text(`/sessions/${builder.session}/export?${query}`);

it('is listed with its commands and what came of them', async () => {
  const { sessions } = SessionPage.parse(JSON.parse(await text('/sessions')));
  expect(sessions).toMatchObject([{ id: builder.session, protocol: 'ssh', counts: { actions: 2, rows: 0 } }]);
  const { actions } = ActionPage.parse(JSON.parse(await text(`/sessions/${builder.session}/actions`)));
  expect(actions).toMatchObject([
    { action: 1, lane: 1, kind: 'command', title: 'shell', outcome: 'signal HUP' },
    { action: 2, lane: 2, kind: 'command', title: 'uname -a', outcome: 'exit 0', detail: { form: 'exec' } },
  ]);
});

it('is replayed whole, in outline, and by pages of a lane', async () => {
  const whole = await eventsOf('');
  const of = (kind: string) => whole.filter((event) => event.kind === kind).length;
  expect([of('output'), of('command'), of('notice'), of('keyframe')]).toEqual([3, 2, 1, 0]);
  const outline = await eventsOf('?part=outline');
  const keyframes = outline.flatMap((event) => (event.kind === 'keyframe' ? [event] : []));
  expect(keyframes.map(({ lane }) => lane)).toEqual([1, 2]);
  expect(outline.some(({ kind }) => kind === 'output')).toBe(false);
  const page = await eventsOf(`?lane=1&cursor=${keyframes[0]?.cursor}`);
  expect(page).toEqual(
    whole.filter((event) => 'lane' in event && event.lane === 1 && /output|resize/.test(event.kind)),
  );
});

it('says what is wrong with a question', async () => {
  for (const query of ['lane=1', 'cursor=e30&lane=1', 'part=outline&lane=1', 'part=half', 'lane=-1', 'speed=2'])
    expect((await call(`/sessions/${builder.session}/replay?${query}`)).status, query).toBe(400);
  const wrong = await call(`/sessions/${builder.session}/export?format=asciicast&lane=9`);
  expect([wrong.status, await wrong.text()]).toEqual([
    400,
    expect.stringContaining('these have: 1 (shell), 2 (exec: uname -a)'),
  ]);
  expect((await call(`/sessions/${builder.session}/export?format=asciicast&asciicast=1`)).status).toBe(400);
});

it('is exported as asciicast of version 3, which asciinema’s own player plays', async () => {
  const cast = await exported('format=asciicast');
  expect(JSON.parse(cast.split('\n')[0] ?? '')).toMatchObject({ version: 3 });
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    await page.setContent('<div id="player"></div>');
    await page.addScriptTag({ path: createRequire(import.meta.url).resolve(PLAYER) });
    await page.evaluate(`new Promise((ended) => {
      const player = AsciinemaPlayer.create({ data: ${JSON.stringify(cast)} }, document.getElementById('player'), { speed: 100 });
      player.addEventListener('ended', ended);
      player.play();
    })`);
    const screen = page.locator('.ap-term');
    await expect.poll(async () => (await screen.innerText()).replaceAll(/\s+/g, ' ')).toContain('$ ls readme 漢字 bye');
  } finally {
    await browser.close();
  }
});

it('is exported as HTML, and as asciicast of version 2 that asciinema plays', async (context) => {
  expect(await exported('format=html')).toContain('uname -a');
  const asciinema = findClient('asciinema');
  if (!asciinema) return context.skip('asciinema is not installed (apt-get install asciinema)');
  const file = join(directory, 'terminal.cast');
  await writeFile(file, await exported('format=asciicast&asciicast=2'));
  // It wants a terminal of its own to watch for Ctrl-C.
  const { stdout } = await promisify(execFile)('script', ['-qec', `'${asciinema}' cat '${file}'`, '/dev/null'], {
    env: { ...process.env, HOME: directory, LC_ALL: 'C.UTF-8' },
  });
  expect(stdout.replaceAll(/\r+\n/g, '\n')).toBe('$ ls\nreadme 漢字\n\u001b[1mbye\u001b[0m\n');
});
