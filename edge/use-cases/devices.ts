// A person's side of a device login: looking at what waits, approving it, turning it away. The
// device's side is identity/device-login.ts.

import type { Identity } from '../../core/identity.ts';
import { ok } from '../../core/result.ts';
import type { Answer, Gatehouse, WaitingDevice } from '../gatehouse.ts';
import { readUserCode } from '../storage/device-codes.ts';
import { fault, note, type UseCaseDeps } from './deps.ts';

const NOTHING_WAITS =
  'No login waits for that code. Codes are good for minutes, and once: start again where you got it.';

export function deviceUseCases(deps: UseCaseDeps): Pick<Gatehouse, 'describeDevice' | 'approveDevice' | 'denyDevice'> {
  const find = async (who: Identity, typed: string): Answer<WaitingDevice> => {
    if (!(await deps.directory.allow('user-code', who.subject))) {
      return fault('rate_limited', 'Too many codes were tried. Wait a minute.');
    }
    const userCode = readUserCode(typed);
    const waiting = userCode && (await deps.directory.describeDeviceLogin(userCode));
    return waiting ? ok(waiting) : fault('not_found', NOTHING_WAITS);
  };
  const decide = async (who: Identity, typed: string, approve: boolean): Answer<WaitingDevice> => {
    const waiting = await find(who, typed);
    if (!waiting.ok) return waiting;
    const { userCode, address, resource } = waiting.value;
    const done = approve ? 'approved' : 'denied';
    await note(deps, {
      kind: resource === undefined ? `token.${done}` : `sign_in.${done}`,
      actor: who.email,
      object: resource ?? 'device',
      details: { address },
    });
    const decided = await deps.directory.decideDeviceLogin(userCode, approve ? who : undefined);
    return decided ? waiting : fault('not_found', NOTHING_WAITS);
  };
  return {
    describeDevice: find,
    approveDevice: (who, typed) => decide(who, typed, true),
    denyDevice: (who, typed) => decide(who, typed, false),
  };
}
