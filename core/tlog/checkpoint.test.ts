import { describe, expect, it, test } from 'vitest';
import { checkpointText, isProven, parseCheckpoint, parseLogProof, showLogProof } from './checkpoint.ts';
import { hashLeaf } from './merkle.ts';
import {
  cosignNote,
  type NoteKey,
  noteKey,
  parseNote,
  parseNoteKey,
  type SignNote,
  type SignedNote,
  showNote,
  showNoteKey,
  signNote,
  whoSigned,
} from './note.ts';
import { parseWitnessPolicy, trustOf, type WitnessPolicy } from './witness-policy.ts';

async function readOf<T>(result: Promise<{ ok: true; value: T } | { ok: false; error: string }>): Promise<T> {
  const read = await result;
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

async function newKey(name: string, type: 'log' | 'witness'): Promise<{ key: NoteKey; sign: SignNote }> {
  const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
  if (!('privateKey' in pair)) throw new Error('no pair');
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const sign: SignNote = async (data) =>
    new Uint8Array(await crypto.subtle.sign('Ed25519', pair.privateKey, new Uint8Array(data)));
  return { key: await noteKey(name, type, raw), sign };
}

// The example of golang.org/x/mod/sumdb/note.
const NEUMANN = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const QUOTE = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

describe('a signed note', () => {
  it('of another implementation is read, shown as it was, and of its key', async () => {
    const key = await readOf(parseNoteKey(NEUMANN));
    expect(showNoteKey(key)).toBe(NEUMANN);
    const note = await readOf(Promise.resolve(parseNote(QUOTE)));
    expect(showNote(note)).toBe(QUOTE);
    expect(await whoSigned(note, [key])).toMatchObject({ ok: true, value: [{ key: { name: 'PeterNeumann' } }] });
  });

  it('that was changed is not taken for one without a signature', async () => {
    const key = await readOf(parseNoteKey(NEUMANN));
    const note = await readOf(Promise.resolve(parseNote(QUOTE.replace('answer', 'Answer'))));
    expect(await whoSigned(note, [key])).toMatchObject({ ok: false, error: expect.stringContaining('PeterNeumann') });
    const { key: other } = await newKey('PeterNeumann', 'log');
    expect(await whoSigned(note, [other])).toEqual({ ok: true, value: [] });
  });

  test.each([
    ['without an end', 'text\n\n— name AAAAAAAA'],
    ['without signatures', 'text\n'],
    ['with a line that is no signature', 'text\n\n- name AAAAAAAA\n'],
    ['with a signature that is no base64', 'text\n\n— name AAAAAAA\n'],
    ['with a name of two words', 'text\n\n— a name AAAAAAAA\n'],
    ['with a plus in a name', 'text\n\n— na+me AAAAAAAA\n'],
    ['with a control character', 'te\rxt\n\n— name AAAAAAAA\n'],
    ['with base64 of bits beyond its end', 'text\n\n— name AAAAAB==\n'],
    ['of a megabyte', `${'x'.repeat(1 << 20)}\n\n— name AAAAAAAA\n`],
  ])('%s is none', (_name, text) => expect(parseNote(text).ok).toBe(false));

  test.each([
    ['PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'c74f20a3'],
    ['PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'type'],
    ['PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy', 'length'],
    ['PeterNeumann', 'NAME+ID+KEY'],
  ])('%s is no key', async (text, why) =>
    expect(await parseNoteKey(text)).toMatchObject({ ok: false, error: expect.stringContaining(why) }),
  );
});

const log = await newKey('gatehouse.example.com/recordings', 'log');
const one = await newKey('witness.example/one', 'witness');
const two = await newKey('witness.example/two', 'witness');
const entry = new TextEncoder().encode('an entry');
const root = await hashLeaf(entry);
const text = checkpointText({ origin: log.key.name, size: 1, root });

async function noteBy(...by: { readonly key: NoteKey; readonly sign: SignNote }[]): Promise<SignedNote> {
  const signatures = by.map(({ key, sign }) =>
    key.type === 'log' ? signNote(text, key, sign) : cosignNote(text, key, { sign, seconds: 1_700_000_000 }),
  );
  return { text, signatures: await Promise.all(signatures) };
}

async function checkpointBy(...by: { readonly key: NoteKey; readonly sign: SignNote }[]) {
  return readOf(Promise.resolve(parseCheckpoint(showNote(await noteBy(...by)))));
}

const policyOf = (...lines: string[]): Promise<WitnessPolicy> => readOf(parseWitnessPolicy(lines.join('\n')));
const [LOG, ONE, TWO] = [
  `log ${showNoteKey(log.key)}`,
  `witness 1 ${showNoteKey(one.key)}`,
  `witness 2 ${showNoteKey(two.key)}`,
];

describe('a checkpoint', () => {
  it('names its log, size and root', async () => {
    expect(await checkpointBy(log)).toMatchObject({ origin: log.key.name, size: 1, root });
  });

  test.each([
    'a\n1\n',
    'a\n01\nAAAA\n',
    `a\n1\n${'A'.repeat(44)}\n`,
    `\n1\n${'A'.repeat(43)}=\n`,
    `a\n-1\n${'A'.repeat(43)}=\n`,
  ])('%j is none', (body) => expect(parseCheckpoint(`${body}\n— n AAAAAAAA\n`).ok).toBe(false));

  it('is trusted by the word of its log and of as many witnesses as the policy wants', async () => {
    const any = await policyOf(LOG, ONE, TWO, 'group all-of any 1 2', 'quorum all-of');
    const both = await policyOf('# both', '', LOG, ONE, TWO, 'group both all 1 2', ' quorum\tboth');
    const none = await policyOf(LOG, 'quorum none');
    const trusted = async (policy: WitnessPolicy, ...by: Parameters<typeof checkpointBy>) =>
      (await trustOf(policy, await checkpointBy(...by))).ok;
    expect(await trusted(none, log)).toBe(true);
    expect(await trusted(none, one)).toBe(false);
    expect(await trusted(any, log)).toBe(false);
    expect(await trusted(any, log, two)).toBe(true);
    expect(await trusted(both, log, two)).toBe(false);
    expect(await trusted(both, log, two, two)).toBe(false);
    expect(await trusted(both, log, two, one)).toBe(true);
    expect(await trusted(both, two, one)).toBe(false);
    // Neither can stand for the other, though both are Ed25519.
    const forged = { key: one.key, sign: log.sign };
    expect(await trustOf(any, await checkpointBy(log, forged))).toMatchObject({ ok: false });
    expect(await trustOf(any, await checkpointBy(log, one))).toMatchObject({
      ok: true,
      value: { log: { name: log.key.name }, cosigned: [{ seconds: 1_700_000_000 }] },
    });
  });

  it('of another log is not, whoever signed', async () => {
    const other = await newKey('other.example/log', 'log');
    const policy = await policyOf(`log ${showNoteKey(other.key)}`, 'quorum none');
    expect((await trustOf(policy, await checkpointBy(other))).ok).toBe(false);
  });

  test.each([
    [[LOG], 'no line with a quorum'],
    [[LOG, 'quorum who'], 'line 2: who is defined nowhere above'],
    [[LOG, LOG, 'quorum none'], 'line 2: the key of gatehouse.example.com/recordings stands there twice'],
    [[ONE, 'group g 2 1', 'quorum g'], 'line 2: group g needs'],
    [[ONE, 'group g all', 'quorum g'], 'line 2: group g needs'],
    [[ONE, 'group g all 1', 'group h all 1', 'quorum h'], 'line 3: 1 is in a group already'],
    [[`log ${showNoteKey(one.key)}`], 'line 1: the key of witness.example/one is not that of a log'],
    [[ONE, 'quorum 1', 'quorum 1'], 'line 3: there is a quorum already'],
    [['hello'], 'line 1: expected log, witness'],
  ])('the policy %j is refused', async (lines, why) =>
    expect(await parseWitnessPolicy(lines.join('\n'))).toMatchObject({
      ok: false,
      error: expect.stringContaining(why),
    }),
  );
});

describe('a proof of a log', () => {
  it('goes through its text, and proves this entry alone', async () => {
    const proof = { index: 0, path: [], checkpoint: await checkpointBy(log, one) };
    const shown = showLogProof(proof);
    expect(shown.startsWith('c2sp.org/tlog-proof@v1\nindex 0\n\ngatehouse.example.com/recordings\n1\n')).toBe(true);
    const read = await readOf(Promise.resolve(parseLogProof(shown)));
    expect(read).toEqual(proof);
    expect(await isProven(root, read)).toBe(true);
    expect(await isProven(await hashLeaf(new TextEncoder().encode('another')), read)).toBe(false);
    const extra = shown.replace('\nindex', '\nextra AAAA\nindex');
    expect(parseLogProof(extra)).toEqual({ ok: true, value: proof });
  });

  test.each([
    '',
    'c2sp.org/tlog-proof@v2\nindex 0\n\n',
    'c2sp.org/tlog-proof@v1\nindex 00\n\n',
    'c2sp.org/tlog-proof@v1\n\n',
  ])('%j is none', (start) =>
    expect(parseLogProof(`${start}a\n1\n${'A'.repeat(43)}=\n\n— n AAAAAAAA\n`).ok).toBe(false),
  );
});
