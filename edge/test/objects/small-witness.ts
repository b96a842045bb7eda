// A witness as c2sp.org/tlog-witness has it, for one log: keeps the size and root that it saw last, and cosigns what
// continues them.

import { hashesOf, parseCheckpoint } from '../../../core/tlog/checkpoint.ts';
import { emptyRoot, isContinued } from '../../../core/tlog/merkle.ts';
import { cosignNote, type NoteKey, noteKey, showNote, type SignNote, whoSigned } from '../../../core/tlog/note.ts';

export class SmallWitness {
  readonly key: NoteKey;
  readonly #sign: SignNote;
  readonly #log: NoteKey;
  /** One at a time: what it checks and what it keeps must be one step. */
  #last: Promise<unknown> = Promise.resolve();
  size = 0;
  root = new Uint8Array();
  readonly asked: string[] = [];

  private constructor(key: NoteKey, sign: SignNote, log: NoteKey) {
    this.key = key;
    this.#sign = sign;
    this.#log = log;
  }

  static async of(log: NoteKey, name = 'witness.example/w1'): Promise<SmallWitness> {
    const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
    if (!('privateKey' in pair)) throw new Error('no pair');
    const raw = await crypto.subtle.exportKey('raw', pair.publicKey);
    if (!(raw instanceof ArrayBuffer)) throw new Error('no raw key');
    const sign: SignNote = async (data) =>
      new Uint8Array(await crypto.subtle.sign('Ed25519', pair.privateKey, new Uint8Array(data)));
    const witness = new SmallWitness(await noteKey(name, 'witness', new Uint8Array(raw)), sign, log);
    witness.root = new Uint8Array(await emptyRoot());
    return witness;
  }

  readonly fetch = (request: Request): Promise<Response> => {
    const answer = this.#last.then(() => this.#answer(request));
    this.#last = answer.catch(() => undefined);
    return answer;
  };

  async #answer(request: Request): Promise<Response> {
    const body = await request.text();
    this.asked.push(body);
    const at = body.indexOf('\n\n');
    const [oldLine = '', ...lines] = body.slice(0, at).split('\n');
    const old = /^old (0|[1-9]\d*)$/.exec(oldLine)?.[1];
    const proof = hashesOf(lines);
    const checkpoint = parseCheckpoint(body.slice(at + 2));
    if (!request.url.endsWith('/add-checkpoint') || old === undefined || !proof || !checkpoint.ok)
      return new Response(null, { status: 400 });
    const { size, root, note, origin } = checkpoint.value;
    if (origin !== this.#log.name) return new Response(null, { status: 404 });
    const signed = await whoSigned(note, [this.#log]);
    if (!signed.ok || signed.value.length === 0) return new Response(null, { status: 403 });
    if (Number(old) > size) return new Response(null, { status: 400 });
    if (Number(old) !== this.size)
      return new Response(`${this.size}\n`, { status: 409, headers: { 'content-type': 'text/x.tlog.size' } });
    const shown = { earlier: this.size, earlierRoot: this.root, size, root, proof };
    if (!(await isContinued(shown))) return new Response(null, { status: this.size === size ? 409 : 422 });
    this.size = size;
    this.root = new Uint8Array(root);
    const seconds = Math.floor(Date.now() / 1000);
    const line = await cosignNote(note.text, this.key, { sign: this.#sign, seconds });
    return new Response(showNote({ text: '', signatures: [line] }).slice(1));
  }
}
