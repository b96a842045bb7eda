// One's own SSH keys: listed, registered by a signature of the key itself, removed after a confirmation.

import { Hono } from 'hono';
import { KeyFingerprint, NewKey } from '../../../core/api.ts';
import type { UseCaseFault } from '../../gatehouse.ts';
import type { PortalDeps } from '../deps.ts';
import { show, showAnswer, showFault, signedIn, type Visit } from '../page.tsx';
import { type KeyForm, KeysPage, RemoveKeyPage } from '../pages/keys.tsx';

const EMPTY: KeyForm = { publicKey: '', name: '', signature: '' };
const UNKNOWN_KEY: UseCaseFault = { reason: 'not_found', message: 'There is no such key among yours.' };
const MALFORMED =
  'Paste the line of the file that ends in .pub, and all that ssh-keygen printed, with its first and last line.';
const MAX_PASTED = 20_000;

export function keyPages(deps: PortalDeps): Hono {
  const app = new Hono();
  const { gatehouse } = deps;

  const page = async (visit: Visit, form: KeyForm, problem?: string) => {
    const { identity } = visit.me;
    const done = visit.c.req.query('done');
    return showAnswer(visit, await gatehouse.keys(identity), (keys) =>
      show(
        visit,
        'SSH keys',
        <KeysPage
          keys={keys}
          email={identity.email}
          origin={new URL(visit.c.req.url).origin}
          form={form}
          problem={problem}
          done={done === 'added' || done === 'removed' ? done : undefined}
        />,
        problem === undefined ? {} : { status: 400 },
      ),
    );
  };

  app.get(
    '/keys',
    signedIn(deps, (visit) => page(visit, EMPTY)),
  );

  app.post(
    '/keys',
    signedIn(deps, async (visit) => {
      const body = await visit.c.req.parseBody();
      const form: KeyForm = {
        publicKey: field(body.public_key),
        name: field(body.name),
        // As browsers send what was pasted.
        signature: field(body.signature).replaceAll('\r\n', '\n'),
      };
      const key = NewKey.safeParse({ ...form, publicKey: form.publicKey.trim() });
      if (!key.success) return page(visit, form, MALFORMED);
      const added = await gatehouse.addKey(visit.me.identity, key.data);
      if (added.ok) return visit.c.redirect('/keys?done=added', 303);
      const { reason, message } = added.error;
      return reason === 'bad_request' || reason === 'conflict'
        ? page(visit, form, message)
        : showFault(visit, added.error);
    }),
  );

  app.get(
    '/keys/remove',
    signedIn(deps, async (visit) => {
      const fingerprint = visit.c.req.query('key');
      return showAnswer(visit, await gatehouse.keys(visit.me.identity), (keys) => {
        const found = keys.find((key) => key.fingerprint === fingerprint);
        return found ? show(visit, 'Remove a key', <RemoveKeyPage found={found} />) : showFault(visit, UNKNOWN_KEY);
      });
    }),
  );

  app.post(
    '/keys/remove',
    signedIn(deps, async (visit) => {
      const fingerprint = KeyFingerprint.safeParse(field((await visit.c.req.parseBody()).key));
      if (!fingerprint.success) return showFault(visit, UNKNOWN_KEY);
      const removed = await gatehouse.removeKey(visit.me.identity, fingerprint.data);
      return showAnswer(visit, removed, () => visit.c.redirect('/keys?done=removed', 303));
    }),
  );

  return app;
}

const field = (value: unknown): string => (typeof value === 'string' ? value.slice(0, MAX_PASTED) : '');
