import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { newId } from '../../../core/ids.ts';
import { parseCheckpoint, parseLogProof } from '../../../core/tlog/checkpoint.ts';
import { type NoteKey, parseNoteKey } from '../../../core/tlog/note.ts';
import { trustOf, type WitnessPolicy } from '../../../core/tlog/witness-policy.ts';
import { logSigner } from '../../authority/log-signer.ts';
import { parseSettings } from '../../settings.ts';
import { SmallWitness } from '../../test/objects/small-witness.ts';
import { archiveOf } from './kept-rows.ts';
import { LogWitnesses } from './log-witnesses.ts';
import { witnessOf } from './days.ts';
import { TransparencyLog } from './transparency-log.ts';

const connector = newId('con');
const opened = {
  user: { email: 'alice@example.com' },
  resource: { name: 'orders', protocol: 'postgres' },
  rule: 'r',
} as never;
type Fetch = (request: Request) => Promise<Response>;

async function logCalled(name: string) {
  const object = witnessOf(env, name);
  const parsed = await parseNoteKey(await object.logKey());
  if (!parsed.ok) throw new Error(parsed.error);
  const stub = env.WITNESS.get(env.WITNESS.idFromName(name));
  const { EDGE_SECRET, PUBLIC_URL } = parseSettings(env);
  return {
    key: parsed.value,
    object,
    admit: (count: number) =>
      object.admitAll(
        Array.from({ length: count }, () => ({ session: newId('ses'), opened, viewOwn: true, retainDays: 30 })),
        connector,
      ),
    /** As the object's alarm does. */
    ask: (fetcher: Fetch, ...keys: NoteKey[]) =>
      runInDurableObject(stub, async (_object, state) => {
        const log = new TransparencyLog(
          state.storage,
          () => logSigner(EDGE_SECRET, PUBLIC_URL),
          () => archiveOf(env),
        );
        const newest = await log.newest();
        const proof = (earlier: number) => log.proof(earlier, newest.size);
        state.storage.sql.exec('UPDATE log_witnesses SET next_ms = 0');
        const witnesses = new LogWitnesses(state.storage.sql, Date.now, fetcher);
        return witnesses.ask(
          keys.map((key) => ({ key, url: 'https://witness.example/tlog' })),
          { ...newest, proof },
        );
      }),
  };
}

async function isCosigned(note: string, log: NoteKey, witness: NoteKey): Promise<boolean> {
  const checkpoint = parseCheckpoint(note);
  const policy: WitnessPolicy = { logs: [log], witnesses: new Map([['w', witness]]), groups: new Map(), quorum: 'w' };
  return checkpoint.ok && (await trustOf(policy, checkpoint.value)).ok;
}

describe('a witness', () => {
  test('cosigns each checkpoint, which is given out and proves sessions with its signature', async () => {
    const log = await logCalled('cosigned');
    const witness = await SmallWitness.of(log.key);
    for (const count of [3, 4, 1]) {
      await log.admit(count);
      expect(await log.ask(witness.fetch, witness.key)).toEqual([]);
      expect(await isCosigned(await log.object.checkpoint(), log.key, witness.key)).toBe(true);
    }
    expect(witness.size).toBe(8);
    expect(witness.asked.map((body) => body.split('\n')[0])).toEqual(['old 0', 'old 3', 'old 7']);
    // Not again for the same.
    await log.ask(witness.fetch, witness.key);
    expect(witness.asked).toHaveLength(3);
    const session = newId('ses');
    await log.object.admitAll([{ session, opened, viewOwn: true, retainDays: 30 }], connector);
    // Newer than what is cosigned: proven all the same, by the log alone.
    const [young] = await log.object.proofsOf(session);
    const proof = parseLogProof(young?.proof ?? '');
    expect(proof.ok && proof.value.checkpoint.size).toBe(9);
    // For everybody else it is the cosigned one, until the next.
    expect(parseCheckpoint(await log.object.checkpoint())).toMatchObject({ ok: true, value: { size: 8 } });
    expect(await log.object.continues(9)).toBeDefined();
    await log.ask(witness.fetch, witness.key);
    const [cosigned] = await log.object.proofsOf(session);
    const inIt = parseLogProof(cosigned?.proof ?? '');
    expect(inIt.ok && inIt.value.checkpoint.note.signatures).toHaveLength(2);
  });

  test('whose answer was lost says how far it is, and goes on from there', async () => {
    const log = await logCalled('lost');
    const witness = await SmallWitness.of(log.key);
    await log.admit(2);
    await log.ask(async (request) => {
      await witness.fetch(request);
      throw new Error('connection reset');
    }, witness.key);
    expect(witness.size).toBe(2);
    await log.admit(1);
    expect(await log.ask(witness.fetch, witness.key)).toEqual([]);
    expect(witness.asked.map((body) => body.split('\n')[0])).toEqual(['old 0', 'old 0', 'old 2']);
    expect(await isCosigned(await log.object.checkpoint(), log.key, witness.key)).toBe(true);
  });

  test('that saw another tree does not cosign, and that is told at once and once', async () => {
    const log = await logCalled('inconsistent');
    const witness = await SmallWitness.of(log.key);
    await log.admit(2);
    await log.ask(witness.fetch, witness.key);
    witness.root = witness.root.map((byte) => byte ^ 1);
    await log.admit(1);
    expect(await log.ask(witness.fetch, witness.key)).toMatchObject([
      { kind: 'log.witness_failed', object: witness.key.name, details: { reason: 'inconsistent', tries: 1 } },
    ]);
    expect(await log.ask(witness.fetch, witness.key)).toEqual([]);
    witness.root = witness.root.map((byte) => byte ^ 1);
    expect(await log.ask(witness.fetch, witness.key)).toMatchObject([{ kind: 'log.witness_resumed' }]);
  });

  test('that saw more than there is tells of a log that was rolled back', async () => {
    const log = await logCalled('ahead');
    const witness = await SmallWitness.of(log.key);
    await log.admit(1);
    witness.size = 7;
    expect(await log.ask(witness.fetch, witness.key)).toMatchObject([{ details: { reason: 'ahead' } }]);
  });

  test.each<[string, string, (witness: SmallWitness, other: SmallWitness) => Fetch]>([
    ['signs with another key', 'signature_wrong', (_, other) => other.fetch],
    ['answers with what is no signature', 'signature_wrong', () => async () => new Response('hello\n')],
    ['does not know the log', 'unknown_log', () => async () => new Response(null, { status: 404 })],
    ['does not know its key', 'key_refused', () => async () => new Response(null, { status: 403 })],
    [
      'says no size',
      'refused',
      () => async () => new Response('-1\n', { status: 409, headers: { 'content-type': 'text/x.tlog.size' } }),
    ],
  ])('that %s is told at once as %s', async (what, reason, fetcher) => {
    const log = await logCalled(what);
    const [witness, other] = [await SmallWitness.of(log.key), await SmallWitness.of(log.key)];
    await log.admit(1);
    const answered = await log.ask(fetcher(witness, other), witness.key);
    expect(answered).toMatchObject([{ details: { reason, tries: 1 } }]);
    expect(await isCosigned(await log.object.checkpoint(), log.key, witness.key)).toBe(false);
  });

  test('that answers without an end is left, and told of when it does so three times', async () => {
    const log = await logCalled('endless');
    const witness = await SmallWitness.of(log.key);
    await log.admit(1);
    const chunk = new Uint8Array(4096).fill(0x41);
    let isLeft = false;
    const endless: Fetch = async () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(chunk),
          cancel: () => {
            isLeft = true;
          },
        }),
      );
    const events = [];
    for (let count = 0; count < 4; count++) events.push(...(await log.ask(endless, witness.key)));
    expect(events).toMatchObject([{ details: { reason: 'unavailable', tries: 3 } }]);
    expect(isLeft).toBe(true);
  });

  test('that does not answer holds up neither sessions nor another witness', async () => {
    const log = await logCalled('slow');
    const [slow, quick] = [
      await SmallWitness.of(log.key, 'slow.example'),
      await SmallWitness.of(log.key, 'quick.example'),
    ];
    await log.admit(1);
    let release = (): void => {};
    const hanging = new Promise<Response>((resolve) => {
      release = () => resolve(new Response(null, { status: 503 }));
    });
    let calls = 0;
    const asking = log.ask((request) => (calls++ === 0 ? hanging : quick.fetch(request)), slow.key, quick.key);
    expect(await log.admit(2)).toEqual([true, true]);
    release();
    expect(await asking).toEqual([]);
    expect(quick.size).toBe(1);
  });
});
