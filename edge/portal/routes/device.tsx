// Device login, RFC 8628 section 3.3: the person sees what asks and says yes or no. The code in the
// address only fills the form in (section 3.3.1); approving takes a POST.

import { Hono } from 'hono';
import type { PortalDeps } from '../deps.ts';
import { show, showAnswer, signedIn } from '../page.tsx';
import { DeviceCodePage, DeviceConfirmPage, DeviceDonePage } from '../pages/device.tsx';

const MAX_CODE_CHARACTERS = 20;

export function devicePages(deps: PortalDeps): Hono {
  const app = new Hono();
  const { gatehouse } = deps;

  app.get(
    '/device',
    signedIn(deps, async (visit) => {
      const code = (visit.c.req.query('user_code') ?? '').trim().slice(0, MAX_CODE_CHARACTERS);
      if (code === '') return show(visit, 'Device', <DeviceCodePage />);
      const device = await gatehouse.describeDevice(visit.me.identity, code);
      if (!device.ok && device.error.reason !== 'unavailable') {
        return show(visit, 'Device', <DeviceCodePage problem={device.error.message} code={code} />, { status: 400 });
      }
      return showAnswer(visit, device, (waiting) =>
        show(visit, 'Device', <DeviceConfirmPage device={waiting} email={visit.me.identity.email} />),
      );
    }),
  );

  app.post(
    '/device',
    signedIn(deps, async (visit) => {
      const form = await visit.c.req.parseBody();
      const code = typeof form.user_code === 'string' ? form.user_code.slice(0, MAX_CODE_CHARACTERS) : '';
      const approved = form.answer === 'approve';
      const answer = approved
        ? await gatehouse.approveDevice(visit.me.identity, code)
        : await gatehouse.denyDevice(visit.me.identity, code);
      return showAnswer(visit, answer, () => show(visit, 'Device', <DeviceDonePage approved={approved} />));
    }),
  );

  return app;
}
